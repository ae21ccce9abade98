/** Completion: what may come next in the search line.
 *  In: the line, and what is known of nodes, statuses and rows. Out: at most eight offers for its last word. Pure. */
import type { Job } from '../shapes.ts'
import { JOB_STATUSES, type JobStatus, type Nodes, nodeStatusOf, type Status } from '../words/status.ts'
import { grouped } from '../words/time.ts'
import { type Counts, countWords } from './counts.ts'

export interface Completion {
  /** What takes the last word's place. */
  readonly text: string
  readonly means: string
  readonly count?: string
  readonly status?: Status
  /** Nothing is missing behind it. */
  readonly whole: boolean
}

export interface Known {
  readonly nodes: Nodes
  readonly counts: Counts
  /** Of loaded rows. */
  readonly jobs: readonly Job[]
}

const MOST = 8
const MEANINGS = { ip: 'on this node', status: 'in this status', tag: 'with this tag', func: 'that call this function' }

const lastWord = (line: string): string => /(?:(?:ip|status|tag|func):"[^"]*|\S*)$/.exec(line)?.[0] ?? ''

export function completions(line: string, known: Known): readonly Completion[] {
  const word = lastWord(line)
  const [, qualifier, begun = ''] = /^(ip|status|tag|func):"?(.*)$/.exec(word) ?? []
  if (qualifier === undefined) return word === '' && line !== '' ? [] : qualifiersFor(word)
  const offers = offersOf(qualifier as keyof typeof MEANINGS, known)
  const fits = ({ text }: Completion) => text.toLowerCase().includes(begun.toLowerCase()) && text !== word
  return offers.filter(fits).slice(0, MOST)
}

export const taken = (line: string, { text, whole }: Completion): string =>
  line.slice(0, line.length - lastWord(line).length) + text + (whole ? ' ' : '')

const qualifiersFor = (word: string): readonly Completion[] =>
  Object.entries(MEANINGS)
    .filter(([name]) => name.startsWith(word.toLowerCase()))
    .map(([name, means]) => ({ text: `${name}:`, means, whole: false }))

function offersOf(qualifier: keyof typeof MEANINGS, { nodes = [], counts, jobs }: Known): readonly Completion[] {
  switch (qualifier) {
    case 'status':
      return (Object.keys(JOB_STATUSES) as JobStatus[]).map(name => {
        const count = counts[name]
        const { means, ...status } = JOB_STATUSES[name]
        return { text: `status:${name}`, means, status, whole: true, ...(count && { count: countWords(count) }) }
      })
    case 'ip':
      return [
        ...nodes.map(node => ({
          text: `ip:${node._id}`,
          means: nodeStatusOf(node).word,
          status: nodeStatusOf(node),
          count: grouped(node.jobs ?? 0),
          whole: true,
        })),
        { text: 'ip:-', means: 'without a node', whole: true },
      ]
    case 'tag':
      return seen(jobs.flatMap(({ tags = [] }) => tags)).map(([tag, n]) => offer('tag', tag, `${n} in sight`))
    case 'func':
      return [
        ...seen(jobs.map(({ func }) => func)).map(([func, n]) => offer('func', func, `${n} in sight`)),
        ...[...new Set(nodes.flatMap(({ tasks }) => tasks ?? []))]
          .filter(task => !jobs.some(({ func }) => func === task))
          .map(task => offer('func', task, 'a node knows it')),
      ]
  }
}

const offer = (qualifier: string, value: string, means: string): Completion => ({
  text: `${qualifier}:${/\s/.test(value) ? `"${value}"` : value}`,
  means,
  whole: true,
})

/** The most frequent first. */
function seen(words: readonly string[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return [...counts].sort((a, b) => b[1] - a[1])
}
