/** Mark: the shape of a status, 14 px, in its colour.
 *  In: a Status. Out: a drawing that tells statuses apart without colour: disc, square, diamond, strokes. The word stands beside it,
 *  or it is given as the label. */
import type { Shape, Status } from '../words/status.ts'

const DIAMOND = 'M7 .8 13.2 7 7 13.2.8 7Z'
const SMALL_DIAMOND = 'M7 1.8 12.2 7 7 12.2 1.8 7Z'

/** It broke: `cut` is what is cut out of a full square. */
const square = (cut: string) => (
  <>
    <rect x="1.5" y="1.5" width="11" height="11" rx="1.5" class="fill" />
    <path d={cut} class="cut" />
  </>
)

/** It did not run. */
const fullDiamond = (cut: string) => (
  <>
    <path d={DIAMOND} class="fill" />
    <path d={cut} class="cut" />
  </>
)

/** Made anew for each mark: an element that many share would hold on to the view that had it last. */
const DRAWINGS: Readonly<Record<Shape, () => preact.JSX.Element>> = {
  ring: () => <circle cx="7" cy="7" r="4.5" class="stroke" />,
  half: () => (
    <>
      <circle cx="7" cy="7" r="5.2" class="stroke" />
      <path d="M7 1.8a5.2 5.2 0 0 1 0 10.4Z" class="fill" />
    </>
  ),
  tick: () => (
    <>
      <circle cx="7" cy="7" r="6" class="fill" />
      <path d="m4.2 7.2 2 2 3.6-4" class="cut" />
    </>
  ),
  cross: () => square('m4.8 4.8 4.4 4.4m0-4.4L4.8 9.2'),
  hands: () => square('M7 3.8V7.4l2.4 1.2'),
  slash: () => square('M9.6 2.6 4.4 11.4'),
  exclamation: () => square('M7 4v3.6M7 9.8v.2'),
  diamond: () => <path d={SMALL_DIAMOND} class="stroke" />,
  'diamond-bar': () => <path d={`${SMALL_DIAMOND}M5 7h4`} class="stroke" />,
  'diamond-exclamation': () => fullDiamond('M7 4v3.4M7 9.4v.2'),
  'diamond-hands': () => fullDiamond('M7 4v3.4l2 1'),
  bars: () => <path d="M4.7 3v8M9.3 3v8" class="stroke thick" />,
  struck: () => <path d="M7 2.2a4.8 4.8 0 1 0 0 9.6 4.8 4.8 0 0 0 0-9.6ZM10.3 3.7 3.7 10.3" class="stroke" />,
  hollow: () => <rect x="2.5" y="2.5" width="9" height="9" rx="1.5" class="stroke" />,
  down: () => (
    <>
      <circle cx="7" cy="7" r="5.4" class="stroke" />
      <path d="M7 4v5.6M4.8 7.6 7 9.8l2.2-2.2" class="stroke" />
    </>
  ),
}

export function Mark({ status, label }: { readonly status: Status; readonly label?: string }) {
  const { shape, colour } = status
  return label === undefined ? (
    <svg class={`mark ${colour}`} viewBox="0 0 14 14" aria-hidden="true">
      {DRAWINGS[shape]()}
    </svg>
  ) : (
    <svg class={`mark ${colour}`} viewBox="0 0 14 14" role="img" aria-label={label}>
      <title>{label}</title>
      {DRAWINGS[shape]()}
    </svg>
  )
}
