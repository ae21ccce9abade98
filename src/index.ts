/** Index: every public name of the package. */

export { dueRuns } from './claim/due.ts'
export type { NodeInfo } from './cluster/lease.ts'
export type { ListedNode, Nodes } from './cluster/nodes.ts'
export { type Client, type ConnectOptions, connect } from './connect.ts'
export { type ErrorCode, type Problem, TidewheelError } from './errors.ts'
export type { EventOf, EventType, TidewheelEvent } from './event.ts'
export type { History } from './history/history.ts'
export type { Execution } from './history/rows.ts'
export type { FlatJob, Job, JobInput } from './job/job.ts'
export type { JobChange, Jobs } from './job/jobs.ts'
export { validateJob } from './job/parse.ts'
export { createNode, type NodeStatus, schedule$, type TidewheelNode } from './node.ts'
export { ofType } from './of-type.ts'
export type { NodeOptions } from './options.ts'
export type { Run, Task } from './run/executor.ts'
export type { ExecutorOptions, ExecutorsOption } from './run/executors.ts'
export type { PipelineRun } from './run/pipeline.ts'
export {
  type AndTrigger,
  type CronTrigger,
  type CrontabTrigger,
  type DateTrigger,
  type Exclusion,
  fireTimes,
  type IntervalTrigger,
  nextFireTime,
  type OrTrigger,
  type Trigger,
} from './trigger/trigger.ts'
