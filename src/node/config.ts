/** Config: what stands in a configuration file, for files that are modules.
 *  In: settings by name. Out: the same; the compiler has checked them, and the command line does when it reads the file. */
import type { NodeOptions } from './options.ts'

/** Settings of `tidewheel.config.ts`; what a flag or a variable says goes before it. Durations are milliseconds. */
export interface Config extends Omit<NodeOptions, 'client' | 'tasks' | 'tasksDir' | 'logger' | 'clock'> {
  /** Folder of task modules; each exported function is the task `module:export`. */
  readonly tasks?: string
  /** Milliseconds for which runs may go on when `tidewheel start` or `dev` is asked to end; then they are aborted. Default 30000. */
  readonly stopTimeout?: number
  /** How many nodes `tidewheel dev` starts; 0: its MongoDB and the dashboard alone. Default 2. */
  readonly nodes?: number
  /** Port of the MongoDB of `tidewheel dev`. Default: that of its last start, at first a free one. */
  readonly port?: number
  /** Where the MongoDB of `tidewheel dev` keeps its data. Default `.tidewheel`. */
  readonly data?: string
  /** JSON on stdout. Default false. */
  readonly json?: boolean
  /** Results and errors only. Default false. */
  readonly quiet?: boolean
  /** More about what is going on, and the cause of errors. Default false. */
  readonly verbose?: boolean
}

/** Gives a configuration back as it is, so that an editor knows its fields: `export default defineConfig({ lease: 10_000 })`. */
export const defineConfig = (config: Config): Config => config
