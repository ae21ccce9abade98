/** Next runs: when a trigger fires next, in the job's zone and in the reader's, side by side.
 *  In: times that the server computed. Out: a table; if both zones are one, one column. */
import { useState } from 'preact/hooks'
import { useNow } from '../clock.ts'
import { useNarrow } from '../store/narrow.ts'
import { away, isZone, lengthWords, placeOf, READERS_ZONE, weekdayClock } from '../words/time.ts'
import { Button } from './controls.tsx'

interface NextRunsProps {
  readonly times: readonly string[] | undefined
  readonly zone: string
  /** They are those of an edit that is not saved. */
  readonly draft: boolean
  /** Why there are none. */
  readonly none: string
}

const FEW = 4

export function NextRuns({ times, zone, draft, none }: NextRunsProps) {
  const now = useNow()
  const narrow = useNarrow()
  const [all, setAll] = useState(false)
  const theirs = isZone(zone) ? zone : 'UTC'
  const both = theirs !== READERS_ZONE
  const shown = narrow && !all ? times?.slice(0, FEW) : times
  return (
    <section class={draft ? 'panel next draft' : 'panel next'} aria-labelledby="next-head">
      <header class="panel-head">
        <h2 id="next-head">Next runs</h2>
        {draft && <span class="hand-text">as edited, not saved</span>}
        <span class="grow" />
        <span class="label">{times === undefined ? '' : apart(times)}</span>
      </header>
      {times !== undefined && times.length === 0 ? (
        <p class="panel-foot support">{none}</p>
      ) : (
        <table>
          <thead>
            <tr>
              {both && <th scope="col">{placeOf(theirs)} (the job)</th>}
              <th scope="col">{placeOf(READERS_ZONE)} (you)</th>
              <th scope="col">
                <span class="unseen">From now</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {shown?.map((time, i) => (
              <tr key={time}>
                {both && <td>{weekdayClock(time, theirs)}</td>}
                <td>
                  <time dateTime={time}>{weekdayClock(time, READERS_ZONE)}</time>
                </td>
                <td class="right support">{(i === 0 || i === (times?.length ?? 0) - 1) && away(time, now)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {shown !== undefined && times !== undefined && shown.length < times.length && (
        <p class="panel-foot">
          <Button kind="link" does={() => setAll(true)}>
            {times.length - shown.length} more
          </Button>
        </p>
      )}
    </section>
  )
}

/** `each 5 m apart`, where they are. */
function apart(times: readonly string[]): string {
  const gaps = new Set(times.slice(1).map((time, i) => Date.parse(time) - Date.parse(times[i] ?? time)))
  const [only] = gaps
  return gaps.size === 1 && only !== undefined ? `each ${lengthWords(only)} apart` : ''
}
