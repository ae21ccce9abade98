/** What a node does, by what its process and people ask of it; nothing acts here, so no database is needed. */
import { describe, expect, test } from 'vitest'
import { Mode } from '../../src/node/mode.ts'

/** A node that works. */
function working({ paused = false } = {}): Mode {
  const mode = new Mode()
  mode.begin(paused)
  mode.work()
  return mode
}

describe('a mode', () => {
  test('is that of its process, unless people want less', () => {
    const mode = working()
    mode.pause()
    expect([mode.obey(), mode.state]).toEqual(['paused', 'paused'])
    mode.want('draining')
    expect([mode.obey(), mode.givesAway, mode.mayAdopt]).toEqual(['draining', true, false])
    mode.want(undefined)
    expect(mode.obey()).toBe('paused')
    mode.resume()
    expect(mode.obey()).toBe('active')
    expect(mode.obey()).toBeUndefined()
  })

  test('people who want it active end its own pause, once', () => {
    const mode = working({ paused: true })
    mode.want('active')
    expect(mode.obey()).toBe('active')
    mode.pause()
    mode.want('active')
    expect(mode.obey()).toBe('paused')
  })

  test('a wish heard while it starts leaves the pause that it starts with', () => {
    const mode = new Mode()
    mode.begin(true)
    mode.want('active')
    expect(mode.work()).toBe('paused')
  })

  test('a pause while it starts or stands by counts when it works', () => {
    const mode = new Mode()
    mode.begin(false)
    mode.pause()
    mode.become('standby')
    expect([mode.obey(), mode.state]).toEqual([undefined, 'standby'])
    expect(mode.work()).toBe('paused')
  })

  test('that ends is draining until it is over, whatever is asked', () => {
    const mode = working()
    mode.become('ending')
    mode.pause()
    mode.become('standby')
    expect([mode.obey(), mode.state, mode.mayAdopt, mode.givesAway]).toEqual([undefined, 'draining', false, false])
    mode.become('stopped')
    expect([mode.state, mode.mayAdopt]).toEqual(['stopped', false])
    mode.become('closed')
    expect([mode.state, mode.mayAdopt]).toEqual(['closed', false])
  })

  test('a start knows of no earlier wishes', () => {
    const mode = working({ paused: true })
    mode.want('draining')
    mode.become('ending')
    mode.become('stopped')
    mode.begin(false)
    expect(mode.work()).toBe('active')
  })
})
