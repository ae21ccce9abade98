/** `tidewheel start`: one node until SIGINT or SIGTERM, which drain it (exit 0) within a time limit; a second signal stops it at once.
 *  The log goes to stdout: JSON lines, or lines for people on a terminal. When another process holds the node's ip this one
 *  stands by, says so on stderr, and takes over when that one ends. */
import { Command } from 'commander'
import { TidewheelError } from '../errors.ts'
import { createNode, type NodeOptions, ofType } from '../index.ts'
import { addSettings, type Call, connectionOf, run, withExample } from './call.ts'
import { endNodes } from './ending.ts'
import { spanOf } from './instant.ts'
import { loggerOf, SERVES } from './serve.ts'
import { optionsIn, type SettingName, type Settings } from './settings.ts'
import { signals } from './signals.ts'

const USES: readonly SettingName[] = ['ip', 'tasks', 'workspace', 'lease', 'timezone', 'stopTimeout', ...SERVES]

export const startCommand = () =>
  withExample(addSettings(new Command('start').description('run one node until SIGINT or SIGTERM'), USES), [
    'tidewheel start --tasks tasks --ip 10.0.0.7 --timezone Europe/Berlin',
  ]).action(
    run(USES, async ({ settings, out }: Call) => {
      const node = createNode(nodeOptions(settings))
      node.events$.pipe(ofType('node.standby')).subscribe(({ node: ip, reason }) => {
        out.note(`${ip} stands by: ${reason}. It takes over when that one ends.`)
      })
      node.events$.pipe(ofType('node.started')).subscribe(({ node: ip }) => {
        if (settings.http !== undefined)
          out.note(`API and dashboard: http://${settings.http}${settings.basePath ?? ''}/`)
        out.note(
          `${ip} is active. Ctrl-C ends it when its runs have ended, ${spanOf(settings.stopTimeout)} later at most.`,
        )
      })
      const { first, close } = signals()
      try {
        // A signal during the start ends it when it has started, or when the time for its end is over.
        await Promise.race([node.start(), first])
        await first
      } finally {
        await endNodes([node], settings.stopTimeout, out)
        close()
      }
    }),
  )

function nodeOptions(settings: Settings): NodeOptions {
  const { tasks, workspace } = settings
  if (tasks === undefined && workspace === undefined) {
    throw new TidewheelError(
      'invalid_option',
      'tasks: expected a folder of task modules (or a workspace of scripts), found none',
      {
        path: 'tasks',
        advice: 'Give --tasks FOLDER; each exported function of its modules is a task, such as mail:digest of mail.js.',
      },
    )
  }
  return { ...(optionsIn('node', settings) as NodeOptions), ...connectionOf(settings), logger: loggerOf(settings) }
}
