/** Able: can the function of a job be performed anywhere?
 *  In: a job, and the registry. Out: what is wrong with it, as far as the nodes that live can tell; without any, nothing is known. */
import { maybeOf, type Needs, unableProblem } from '../cluster/placement.ts'
import type { Problem } from '../errors.ts'
import type { ListedNode } from './nodes.ts'

/** `ip`: the node that it is given to, if it is one. */
export function unableOf(
  job: Needs & { readonly ip?: string | null | undefined },
  nodes: readonly ListedNode[],
): Problem | undefined {
  const asked = nodes.filter(({ _id, living }) => living && (job.ip === _id || (job.ip ?? null) === null))
  if (asked.length === 0 || maybeOf(job, asked).length > 0) return undefined
  const message = unableProblem(job, asked)
  return { path: message.split(':', 1)[0] as string, message }
}
