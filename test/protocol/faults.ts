/** Faults: a node is started anew, and what it had sent may still arrive; a command is lost on the way.
 *  Ends of runs are here too: the models of claims only need that there is room again. */
import type { Job } from '../../src/job/job.ts'
import { each, type Steps } from './explore.ts'
import { arrive, hearAnswer, type Node, type Rules, type Sent, snapshot, type World, write } from './world.ts'

export function faults(name: string, rules: Rules): Steps<World> {
  const of = (world: World) => world.nodes[name] as Node
  return {
    [`${name} is started anew`]: [
      () => true,
      world => {
        const { ip, claim, plan } = of(world)
        for (const [kind, sent] of [['claim', claim] as const, ['plan', plan] as const])
          if (sent !== undefined && sent.answer === undefined) world.orphans.push({ name, kind, mind: sent.mind })
        world.nodes[name] = { ip, seen: snapshot(ip, world.job, world.now), inbox: [], wants: false }
      },
    ],
    ...each(['claim', 'plan'] as const, kind => ({
      [`${name}'s ${kind} is lost on the way`]: [
        world => of(world)[kind] !== undefined && of(world)[kind]?.answer === undefined,
        world => {
          ;(of(world)[kind] as Sent).answer = null
          hearAnswer(world, of(world), kind, rules)
        },
      ],
    })),
  }
}

/** What a dead process had sent arrives late, and runs end, wherever they are. */
export const ENDS: Steps<World> = {
  'a write of a dead process arrives': [
    world => world.orphans.length > 0,
    world => {
      const { name, kind, mind } = world.orphans.shift() as World['orphans'][number]
      arrive(world, name, kind, mind)
    },
  ],
  'a run ends': [
    world => (world.job?.state?.running?.length ?? 0) > 0,
    world => {
      const { job } = world
      const running = job?.state?.running?.slice(1)
      const touch = job?.touch === 'end.1' ? 'end.2' : 'end.1'
      write(world, { ...job, touch, state: { ...job?.state, running } } as unknown as Job)
    },
  ],
}
