/** The loggers that are made here: lines for people on a terminal, JSON for programs, and what an absent option means. */
import { expect, test } from 'vitest'
import type { TidewheelEvent } from '../src/event.ts'
import { levelOf, loggerOf, streamLogger } from '../src/log.ts'

function written(isTTY: boolean) {
  const lines: string[] = []
  return { lines, stream: { isTTY, write: (line: string) => void lines.push(line) } }
}

test('to a terminal a line for people each, at once', () => {
  const { lines, stream } = written(true)
  streamLogger(stream, { level: 'warn', base: { name: 'tidewheel' } }).warn({ job_id: 'digest' }, 'job.invalid')
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatch(/^\S*\[\d\d:\d\d:\d\d\.\d{3}\].*WARN.*tidewheel.*job\.invalid.*job_id.*digest.*\n$/)
})

test('elsewhere a JSON object each', () => {
  const { lines, stream } = written(false)
  streamLogger(stream).info({ job_id: 'digest' }, 'job.added')
  expect(lines.map(line => JSON.parse(line))).toMatchObject([{ job_id: 'digest', msg: 'job.added' }])
})

test('an embedded node has the logger that it was given, none with false, and else one of warnings and errors', () => {
  const given = streamLogger(written(false).stream)
  expect(loggerOf(given)).toBe(given)
  expect(loggerOf(false).level).toBe('silent')
  expect(loggerOf(undefined).level).toBe('warn')
})

test('what failed once and is tried again is for the curious; what fails for long is a warning', () => {
  const failed = (lasting: boolean) => levelOf({ type: 'try.failed', lasting } as TidewheelEvent)
  expect([failed(false), failed(true)]).toEqual(['debug', 'warn'])
})
