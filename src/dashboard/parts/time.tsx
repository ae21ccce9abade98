/** Time: an instant as people read it, kept true each second.
 *  In: ISO text. Out: how far away it is, or what the clock shows; the exact instant in the reader's zone as its title. */
import { useNow } from '../clock.ts'
import { away, exactly, whenOf } from '../words/time.ts'

interface TimeProps {
  readonly at: string
  readonly class?: string
}

export function Away({ at, class: name }: TimeProps) {
  const now = useNow()
  return (
    <time dateTime={at} title={exactly(at)} class={name}>
      {away(at, now)}
    </time>
  )
}

export function When({ at, class: name }: TimeProps) {
  const now = useNow()
  return (
    <time dateTime={at} title={exactly(at)} class={name}>
      {whenOf(at, now)}
    </time>
  )
}
