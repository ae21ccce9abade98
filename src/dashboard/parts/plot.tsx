/** Plot: values over time, drawn by uPlot, which is loaded with the first of them.
 *  In: seconds and series, each a bar or a line in the colour of a token. Out: a drawing that tells its value under the pointer, and in
 *  words what it shows to those who do not see it. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type uPlot from 'uplot'
import { useCell } from '../cell.ts'
import { shortClock } from '../words/time.ts'
import { type Colours, colours } from './colours.ts'

export interface Series {
  readonly name: string
  readonly kind: 'bars' | 'line' | 'dashed'
  readonly colour: keyof Colours
  readonly values: readonly (number | null)[]
}

interface PlotProps {
  readonly label: string
  /** Epoch seconds, rising. */
  readonly x: readonly number[]
  readonly series: readonly Series[]
  readonly format: (value: number) => string
  /** What stands below it, between the two ends. */
  readonly below: string
}

const HIGH = 96

/** uPlot takes the browser's language as it stands, and does not load where that is none: `en-US@posix`, without a locale. */
function loaded() {
  try {
    new Intl.NumberFormat(navigator.language)
  } catch {
    Object.defineProperty(navigator, 'language', { value: 'en-US', configurable: true })
  }
  return import('uplot')
}

export function Plot({ label, x, series, format, below }: PlotProps) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  const [at, setAt] = useState<number | null>(null)
  const palette = useCell(colours)
  const shape = series.map(({ name, kind }) => name + kind).join()
  const data = [x, ...series.map(({ values }) => values)] as unknown as uPlot.AlignedData
  const latest = useRef(data)
  latest.current = data

  useEffect(() => {
    let current = true
    const { current: place } = box
    const resize = new ResizeObserver(() => plot.current?.setSize({ width: place?.clientWidth ?? 200, height: HIGH }))
    void loaded().then(({ default: UPlot }) => {
      if (!current || place === null) return
      const bars = UPlot.paths.bars?.({ size: [0.7, 9] })
      plot.current = new UPlot(
        {
          width: place.clientWidth,
          height: HIGH,
          padding: [4, 0, 4, 0],
          legend: { show: false },
          axes: [{ show: false }, { show: false }],
          cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
          scales: { y: { range: (_, low, high) => [Math.min(0, low ?? 0), Math.max(high ?? 0, 1e-6)] } },
          series: [
            {},
            ...series.map(
              ({ kind, colour }): uPlot.Series => ({
                ...(kind === 'bars'
                  ? { ...(bars && { paths: bars }), fill: palette[colour], width: 0 }
                  : { width: 1.5 }),
                ...(kind === 'dashed' && { dash: [4, 3] }),
                stroke: palette[colour],
                points: { show: false },
                spanGaps: true,
              }),
            ),
          ],
          hooks: { setCursor: [({ cursor: { idx } }) => setAt(idx ?? null)] },
        },
        latest.current,
        place,
      )
      resize.observe(place)
    })
    return () => {
      current = false
      resize.disconnect()
      plot.current?.destroy()
      plot.current = undefined
    }
  }, [shape, palette])
  useEffect(() => plot.current?.setData(data), [x, ...series.map(({ values }) => values)])

  const time = at === null ? undefined : x[at]
  const [first, last] = [x[0], x.at(-1)]
  return (
    <div class="plot">
      <div ref={box} class="plot-box" role="img" aria-label={label} />
      <p class="label plot-below">
        {time !== undefined && at !== null ? (
          <span>
            {shortClock(time * 1_000)}{' '}
            {series
              .map(({ name, values }) => [name, values[at]] as const)
              .filter(([, value]) => value !== null && value !== undefined)
              .map(([name, value]) => `${name} ${format(Math.abs(value ?? 0))}`)
              .join(', ')}
          </span>
        ) : (
          <>
            <span>{first !== undefined && shortClock(first * 1_000)}</span>
            <span>{below}</span>
            <span>{last !== undefined && shortClock(last * 1_000)}</span>
          </>
        )}
      </p>
    </div>
  )
}
