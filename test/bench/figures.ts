/** Figures: what the rows of the table are made of, each measured a few times in fresh processes, and how they are told: the median, the
 *  spread, and whether the limit is kept. */
import type { Server } from './server.ts'
import { median, print } from './table.ts'

export interface Figure {
  readonly name: string
  readonly unit: string
  /** One of each round. */
  readonly values: readonly number[]
  /** Of the median; `every` round's where it says so. */
  readonly limit?: { readonly most?: number; readonly least?: number; readonly every?: boolean }
}

/** A row of the table: what is measured, with what stands beside it. */
export interface Row {
  readonly work: string
  readonly figures: readonly Figure[]
  /** Single measurements that the figures were made of, by name; all rounds together. */
  readonly samples: Readonly<Record<string, readonly number[]>>
}

/** Measures a row on a set of three members with nothing else on it. */
export type Measure = (server: Server) => Promise<Row>

export const ROUNDS = Number(process.env.ROUNDS ?? 3)

/** What each round answers, round after round, by name. */
export async function rounds<T>(round: (i: number) => Promise<T>): Promise<readonly T[]> {
  const results: T[] = []
  for (let i = 0; i < ROUNDS; i++) results.push(await round(i))
  return results
}

/** Whether the limit is kept; undefined: there is none. */
export function isKept({ values, limit }: Figure): boolean | undefined {
  if (limit === undefined) return undefined
  const judged = limit.every ? values : [median(values)]
  return judged.every(value => value <= (limit.most ?? Infinity) && value >= (limit.least ?? -Infinity))
}

export function limitOf({ limit, unit }: Figure): string {
  if (limit === undefined) return ''
  const amount = limit.most === undefined ? `>= ${limit.least}` : `<= ${limit.most}`
  return `${amount} ${unit}`.trim()
}

export function printRow({ work, figures }: Row): void {
  const kept = { true: 'kept', false: 'NOT KEPT', undefined: '' }
  print(work, [
    [`median of ${ROUNDS}`, '', 'least', 'most', 'limit', ''],
    ...figures.map(figure => [
      [figure.name, figure.unit].filter(text => text !== '').join(', '),
      median(figure.values),
      Math.min(...figure.values),
      Math.max(...figure.values),
      limitOf(figure),
      kept[`${isKept(figure)}`],
    ]),
  ])
}
