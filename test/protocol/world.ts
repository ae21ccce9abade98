/** World: one job document, the nodes that read and claim it, and a person who edits it at any moment.
 *  The document, what each node has seen, what is on its way to a node and what a node has sent are plain data; what a node
 *  does with them is the source's own code. A command is sent, arrives and is answered in three steps, so that everything
 *  can happen in between; events reach a node in order, but as late as can be.
 *  Holds in every state, or is told as wrong: promises 1 to 3 at each write of a node, and, when all is quiet, that memory
 *  says what the document says. */

import type { Job } from '../../src/job/job.ts'
import type { Order } from '../../src/protocol/claim.ts'
import type { PlanWrite } from '../../src/wheel/entry.ts'
import { matches, type Plain, same, updated } from './document.ts'
import { each, fixed, type Model, type Steps } from './explore.ts'
import { ENDS, faults } from './faults.ts'
import { apart, lostEdit, type Mind, personSet, wrongClaim } from './promises.ts'
import {
  type Command,
  claimOf,
  memoryOf,
  minute,
  minuteOf,
  orderAt,
  planOf,
  type Seen,
  shortened,
  without,
} from './real.ts'
import { type Event, eventOf, found, heard, reaches, type Written } from './stream.ts'

export interface Sent {
  readonly mind: Mind
  /** Memory changed after it was sent: its answer is out of date. */
  overtaken: boolean
  /** Absent: on its way; null: refused. */
  answer?: Job | null
}

export interface Node {
  readonly ip: string
  seen: readonly Seen[]
  inbox: Event[]
  /** The document is to be read. */
  wants: boolean
  claim?: Sent
  plan?: Sent
}

export interface World {
  now: number
  job: Job | null
  nodes: Record<string, Node>
  edits: number
  /** Scheduled run times that were claimed, in minutes, and those that a person asked for or had. */
  claimed: number[]
  asked: number[]
  given: number[]
  /** What a process that is no more had sent. */
  orphans: { readonly name: string; readonly kind: 'claim' | 'plan'; readonly mind: Mind }[]
  wrong?: string | undefined
}

export interface Rules {
  readonly nodes: Readonly<Record<string, string>>
  readonly job: Job
  readonly from: number
  readonly until: number
  readonly edits: number
  readonly person: Readonly<Record<string, (job: Job, world: World) => Job | null>>
  /** Conditions that claims, or plans, go out without. */
  readonly claimsWithout?: readonly string[]
  readonly plansWithout?: readonly string[]
  /** Memory takes an answer over although an event came in between. */
  readonly believesOldAnswers?: boolean
  /** Memory forgets that a run was claimed when an event came before the answer. */
  readonly forgetsOldAnswers?: boolean
  /** Commands that are answered in the moment they arrive, so that a model with more in it stays small. */
  readonly prompt?: readonly ('claim' | 'plan')[]
  /** Nodes are started anew, commands are lost, runs end. */
  readonly faults?: boolean
  /** Nodes that write no plans: one that has slept and is about to end. */
  readonly mute?: readonly string[]
}

/** A write reaches the database, and its event every node that may have to know. */
export function write(world: World, after: Job | null, written: Written = 'paths'): void {
  const before = world.job
  world.job = after && fixed(after)
  const event = eventOf(before, world.job, written)
  if (event === undefined) return
  const told = fixed(event)
  for (const node of Object.values(world.nodes)) if (reaches(told, node.ip)) node.inbox.push(told)
}

function see(node: Node, one: Seen): void {
  if (entryOf(node) === undefined && !('change' in one)) return
  node.seen = shortened(node.ip, fixed([...node.seen, one]))
  for (const sent of [node.claim, node.plan]) if (sent !== undefined) sent.overtaken = true
}

const entryOf = (node: Node) => memoryOf(node.ip, node.seen).entry

const FENCE = { _bsontype: 'Timestamp' }

/** The document after it; null where it did not match. */
export function arrive(world: World, name: string, kind: 'claim' | 'plan', mind: Mind): Job | null {
  const node = world.nodes[name] as Node
  const { job } = world
  if (job === null || !matches(job, mind.command.filter)) return null
  const made = updated(job, mind.command.update as Plain, { now: minute(world.now), timestamp: FENCE })
  // Fresh at each write, and yet one of two, so that states do not differ by it.
  const after = { ...made, touch: job.touch === `${name}.1` ? `${name}.2` : `${name}.1` }
  if (kind === 'claim') world.wrong ??= wrongClaim(job, after, mind, node.ip, world)
  else {
    world.wrong ??= job.ip === node.ip ? lostEdit(job, mind) : 'planned by a node that the job has left'
    if (!same(job.trigger, mind.trigger)) world.wrong ??= 'planned by a trigger that a person replaced'
  }
  write(world, after)
  return fixed(after)
}

export const snapshot = (ip: string, job: Job | null, at: number): readonly Seen[] =>
  fixed(job?.ip === ip ? [{ at, change: { type: 'put', job, from: 'snapshot' } as const }] : [])

export function hearAnswer(world: World, node: Node, kind: 'claim' | 'plan', rules: Rules): void {
  const believe = rules.believesOldAnswers === true
  const { answer, overtaken, mind } = node[kind] as Sent
  delete node[kind]
  if (kind === 'plan') {
    if (answer === null) node.wants = true
    else if (mind.plan !== undefined && (!overtaken || believe)) see(node, { at: world.now, wrote: mind.plan })
  } else if (answer === null) node.wants = true
  else if (overtaken && !believe) {
    node.wants = true
    const claimed = answer?.state?.claimed_to?.getTime()
    if (claimed !== undefined && rules.forgetsOldAnswers !== true) see(node, { at: world.now, claimed })
  } else see(node, { at: world.now, change: { type: 'put', job: answer as Job, from: 'claim' } })
}

function nodeSteps(name: string, rules: Rules): Steps<World> {
  const of = (world: World) => world.nodes[name] as Node
  const tell = (world: World, told: ReturnType<typeof heard>) => {
    if (told.change !== undefined) see(of(world), { at: world.now, change: told.change })
    if (told.read) of(world).wants = true
  }
  const order = (world: World) => {
    const entry = entryOf(of(world))
    return entry && orderAt(entry, world.now)
  }
  const sending = (node: Node, command: Command, more: object = {}): Sent => {
    const { stored, due, trigger } = entryOf(node) as NonNullable<ReturnType<typeof entryOf>>
    return { mind: fixed({ command, stored, due, trigger: trigger?.stored, ...more }), overtaken: false }
  }
  return {
    [`${name} claims`]: [
      world => of(world).claim === undefined && order(world) !== undefined,
      world => {
        const node = of(world)
        const by = { ip: node.ip, incarnation: name }
        const due = order(world) as Order
        const { filter, update } = claimOf(due, by, world.now, name, name)
        const command = { filter: without(filter, rules.claimsWithout), update: update as Plain }
        node.claim = sending(node, command, { served: due.kind })
      },
    ],
    [`${name} writes its plan`]: [
      world =>
        rules.mute?.includes(name) !== true &&
        of(world).plan === undefined &&
        memoryOf(of(world).ip, of(world).seen).plan !== undefined,
      async world => {
        const node = of(world)
        const write = memoryOf(node.ip, node.seen).plan as PlanWrite
        const { filter, update } = planOf(write, node.ip, name)
        const command = { filter: without(filter, rules.plansWithout), update: update as Plain }
        node.plan = sending(node, command, { plan: write })
      },
    ],
    ...each(['claim', 'plan'] as const, kind => ({
      [`${name}'s ${kind} arrives`]: [
        world => of(world)[kind] !== undefined && of(world)[kind]?.answer === undefined,
        world => {
          const sent = of(world)[kind] as Sent
          sent.answer = arrive(world, name, kind, sent.mind)
          if (rules.prompt?.includes(kind)) hearAnswer(world, of(world), kind, rules)
        },
      ],
      [`${name}'s ${kind} is answered`]: [
        world => of(world)[kind]?.answer !== undefined,
        world => hearAnswer(world, of(world), kind, rules),
      ],
    })),
    [`${name} hears an event`]: [
      world => of(world).inbox.length > 0,
      world => {
        const node = of(world)
        const event = node.inbox.shift() as Event
        tell(
          world,
          heard(event, node.ip, entryOf(node) !== undefined, touch => touch?.startsWith(name) === true),
        )
      },
    ],
    [`${name} reads`]: [
      world => of(world).wants,
      world => {
        const node = of(world)
        node.wants = false
        const holds = entryOf(node) !== undefined
        if (world.job !== null) tell(world, found(world.job, node.ip, holds, 'read'))
        else if (holds) tell(world, { change: { type: 'gone', id: rules.job._id, reason: 'deleted' } })
      },
    ],
  }
}

export function worldOf(rules: Rules): Model<World> {
  const { job, from, until, person } = rules
  const nodes = Object.fromEntries(
    Object.entries(rules.nodes).map(([name, ip]) => [
      name,
      { ip, seen: snapshot(ip, job, from), inbox: [], wants: false },
    ]),
  )
  const edits: Steps<World> = each(Object.entries(person), ([name, edit]) => ({
    [name]: [
      world => world.edits > 0 && world.job !== null && !same(edit(world.job, world), world.job),
      world => {
        world.edits--
        const before = world.job as Job
        const after = edit(before, world)
        for (const time of after?.run_at ?? [])
          if (!before.run_at?.some(one => same(one, time))) world.asked.push(minuteOf(time))
        if (after !== null && personSet(after) && !same(before.next_run_time, after.next_run_time))
          world.asked.push(minuteOf(after.next_run_time as Date))
        write(world, after, /by replace/.test(name) ? 'document' : 'fields')
      },
    ],
  }))
  return {
    start: { now: from, job: fixed(job), nodes, edits: rules.edits, claimed: [], asked: [], given: [], orphans: [] },
    steps: {
      ...each(Object.keys(nodes), name => nodeSteps(name, rules)),
      ...(rules.faults && each(Object.keys(nodes), name => faults(name, rules))),
      ...(rules.faults && ENDS),
      ...edits,
      'a minute passes': [world => world.now < until, world => world.now++],
    },
    wrong: world => world.wrong ?? apart(world),
  }
}
