/** `tidewheel nodes`: the registry, and what people do with nodes. Without a further word it lists them.
 *  A drained node obeys at its next heartbeat and gives away the jobs that others may run; an evicted one counts as dead at once. */
import { Command } from 'commander'
import { nearest } from '../errors.ts'
import type { ListedNode } from '../index.ts'
import { addSettings, run, withClient, withExample } from './call.ts'
import { timeCell } from './instant.ts'

export function nodesCommand(): Command {
  const nodes = new Command('nodes').description('see nodes, drain or evict one, bring jobs home')
  nodes.addCommand(listCommand(), { isDefault: true })
  for (const command of [drainCommand(), evictCommand(), rebalanceCommand()]) nodes.addCommand(command)
  return nodes.hook('preAction', (_, command) => {
    if (command.name() === 'list' && command.args.length > 0) strangeWord(nodes)
  })
}

/** What stands where `list` takes nothing: to the parser a misspelt command is an argument of the one that is meant without any. */
function strangeWord(nodes: Command): never {
  const [word = '', more = ''] = nodes.args
  if (word === 'list') return nodes.error(`error: nodes list: takes no argument, found ${JSON.stringify(more)}`)
  const near = nearest(
    word,
    nodes.commands.map(command => command.name()),
  )
  return nodes.error(`error: unknown command '${word}'${near === undefined ? '' : `\n(Did you mean ${near}?)`}`)
}

const listCommand = () =>
  withExample(
    addSettings(new Command('list').allowExcessArguments().description('nodes by ip'), ['timezone']).action(
      run(['timezone'], async ({ settings, out }) => {
        const nodes = await withClient(settings, client => client.nodes.list())
        const head = [
          'IP',
          'STATUS',
          'WANTED',
          'JOBS',
          'RUNNING',
          'TASKS',
          'EXECUTORS',
          'HOST',
          'PID',
          'VERSION',
          'SEEN',
        ]
        out.rows(
          nodes,
          head,
          nodes.map(node => rowOf(node, settings.timezone)),
          { spare: ['PID', 'VERSION', 'EXECUTORS', 'TASKS', 'HOST'] },
        )
        if (nodes.length === 0 && !out.json) out.note('There is no node yet; tidewheel start runs one.')
      }),
    ),
    ['tidewheel nodes list', 'tidewheel nodes list --json'],
  )

const rowOf = (node: ListedNode, timezone: string | undefined): readonly string[] => [
  node._id,
  statusOf(node),
  node.wanted ?? '-',
  String(node.jobs ?? '-'),
  String(node.running ?? '-'),
  Array.isArray(node.tasks) ? String(node.tasks.length) : '-',
  Object.keys(node.executors ?? {}).join(', ') || '-',
  // Without what tells machines of one name apart.
  node.host?.split(' ')[0] ?? '-',
  String(node.pid ?? '-'),
  node.version ?? '-',
  timeCell(new Date(node.seen), timezone),
]

/** What the node says of itself, unless it is too silent to be believed. */
const statusOf = ({ living, status = 'active' }: ListedNode) => (living || status === 'stopped' ? status : 'lost')

const drainCommand = () =>
  withExample(
    new Command('drain')
      .description('no new runs there; its jobs go to nodes that may take them')
      .argument('<ip>')
      .option('--undo', 'let it work again')
      .action(
        run([], async ({ settings, out }, { undo = false }: { undo?: boolean }, ip: string) => {
          const node = await withClient(settings, client => client.nodes.drain(ip, { undo }))
          out.result(node, [`${ip}: ${undo ? 'works again' : 'drains'} from its next heartbeat on`])
        }),
      ),
    ['tidewheel nodes drain 10.0.0.7', 'tidewheel nodes drain 10.0.0.7 --undo'],
  )

const evictCommand = () =>
  withExample(
    new Command('evict')
      .description('treat a node as dead, at once')
      .argument('<ip>')
      .action(
        run([], async ({ settings, out }, _, ip: string) => {
          const moved = await withClient(settings, client => client.nodes.evict(ip))
          out.result({ _id: ip, moved }, [`${ip}: evicted, ${count(moved)} moved`])
        }),
      ),
    ['tidewheel nodes evict 10.0.0.7'],
  )

const rebalanceCommand = () =>
  withExample(
    new Command('rebalance').description('bring jobs that were taken over home, spread those that were placed').action(
      run([], async ({ settings, out }) => {
        const moved = await withClient(settings, client => client.nodes.rebalance())
        out.result({ moved }, [`${count(moved)} moved`])
      }),
    ),
    ['tidewheel nodes rebalance'],
  )

const count = (jobs: number) => `${jobs} ${jobs === 1 ? 'job' : 'jobs'}`
