/** Drain: how the runs of a node end when it stops.
 *  In: the stages, which take no new runs any more, and how long those going on may last. Out: when all is over, ended or given up.
 *  Always holds: a run that is aborted has time to store its end; one whose end cannot be stored is found by the next owner. */

import { after, type Clock } from '../clock.ts'
import type { Stages } from './stages.ts'

/** A stop with a time limit waits so much longer for a database that does not take the ends of runs. */
const STORING_MS = 5_000

/** Waits for runs to end, `timeout` ms at most; then aborts them and waits until their ends are stored. */
export async function drain(stages: Stages, timeout: number | undefined, clock: Clock): Promise<void> {
  const drained = stages.drained()
  if (timeout === undefined) await drained
  else await drainWithin(timeout, stages, drained, clock)
  await stages.end()
}

async function drainWithin(timeout: number, stages: Stages, drained: Promise<void>, clock: Clock): Promise<void> {
  const abort = () => stages.abortAll({ status: 'interrupted', message: 'the node stopped' })
  const late = after(clock, timeout, abort)
  let storing: { unsubscribe(): void } | undefined
  const unstored = new Promise<void>(resolve => {
    storing = after(clock, timeout + STORING_MS, resolve)
  })
  await Promise.race([drained, unstored])
  late.unsubscribe()
  storing?.unsubscribe()
}
