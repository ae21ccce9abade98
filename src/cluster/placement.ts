/** Placement: which node takes a job that has none.
 *  In: a job id and the living nodes. Out: the order in which they should try. Every node computes the same order (rendezvous
 *  hashing, Thaler and Ravishankar 1998: a node's weight for a job is a hash of both), so jobs spread evenly and only those
 *  of a lost node move. The first writes at once, the others wait their turn, so that a dead first one costs a moment. Pure. */

/** 32-bit FNV-1a with a final mix, so that names that differ in one digit spread. */
function weight(node: string, job: string): number {
  let hash = 0x811c9dc5
  for (const text of [node, '\n', job]) {
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** A number that stands for a job's id, from 1 to 2^53: among a million of them two are the same once in ten thousand times. */
export const markOf = (job: string): number => weight('', job) * 2 ** 21 + (weight('mark', job) >>> 11) || 1

/** The node that should have the job, of those that live; undefined when none does. */
export function homeOf(job: string, living: readonly string[]): string | undefined {
  return ranked(job, living)[0]
}

/** All living nodes, the one that should have the job first. */
export function ranked(job: string, living: readonly string[]): readonly string[] {
  return living
    .map(node => ({ node, weight: weight(node, job) }))
    .sort((a, b) => b.weight - a.weight || (a.node < b.node ? -1 : 1))
    .map(({ node }) => node)
}

/** How many others come before this node; those not known to live come last. */
export function rankOf(job: string, living: readonly string[], mine: string): number {
  const rank = ranked(job, living).indexOf(mine)
  return rank === -1 ? living.length : rank
}
