/** Rows of the history as they are stored, after those that are there already.
 *  In: the events of all nodes, which name runs; and the history. Out: rows, the earlier ones first.
 *  Holds: the stream listens before the earlier rows are read, so that nothing is missed between the two; what both tell is told once,
 *  and each row once for each status that it is seen in. */
import { Observable } from 'rxjs'
import type { Client, Execution, PlacedEvent } from '../index.ts'

type Query = NonNullable<Parameters<Client['history']['list']>[0]>

export interface Following {
  /** Only of this job. */
  readonly job: string | undefined
  /** Which rows; of those that come, whenever they are stored. */
  readonly query: Query
  /** Those that are there, oldest first. */
  readonly earlier: () => Promise<readonly Execution[]>
  /** What the stream tells of itself. */
  readonly heard: (event: PlacedEvent) => void
}

/** So many rows are asked for at once. */
const ASKED = 1_000
/** So many runs are remembered as told: more than come between a row and the same row told again. */
const REMEMBERED = 10_000

/** Errors with what will not mend; completes when the client closes. */
export function followRows(client: Client, { job, query, earlier, heard }: Following): Observable<Execution> {
  return new Observable(out => {
    const { recorded: _, ...wanted } = query
    const told = new Map<string, string>()
    const tell = (rows: readonly Execution[]) => {
      for (const row of rows) {
        if (told.get(row._id) === row.status) continue
        remember(told, row)
        out.next(row)
      }
    }
    /** One after another: what comes meanwhile is asked for together. */
    let steps: Promise<void> = Promise.resolve()
    const then = (read: () => Promise<readonly Execution[]>) => {
      const step = async () => {
        if (!out.closed) tell(await read())
      }
      steps = steps.then(step).catch(error => out.error(error))
    }
    let named = new Set<string>()
    const readNamed = async () => {
      const ids = [...named]
      named = new Set(ids.splice(ASKED))
      if (named.size > 0) then(readNamed)
      return await rowsOf(client, { ...wanted, _id: { $in: ids } })
    }
    const next = (event: PlacedEvent) => {
      if ('run_id' in event) {
        if (named.size === 0) then(readNamed)
        named.add(event.run_id)
        return
      }
      heard(event)
      if (event.type === 'stream.opened' || event.type === 'stream.resynced') then(earlier)
    }
    const events$ = client.events$({ query: { type: 'run', ...(job !== undefined && { job_id: job }) } })
    const complete = () => void steps.then(() => out.complete())
    return events$.subscribe({ next, error: error => out.error(error), complete })
  })
}

/** Oldest first. */
async function rowsOf(client: Client, query: Query): Promise<readonly Execution[]> {
  const rows: Execution[] = []
  for await (const row of client.history.list(query)) rows.push(row)
  return rows.reverse()
}

function remember(told: Map<string, string>, { _id, status }: Execution): void {
  told.delete(_id)
  told.set(_id, status)
  if (told.size <= REMEMBERED) return
  const [oldest] = told.keys()
  if (oldest !== undefined) told.delete(oldest)
}
