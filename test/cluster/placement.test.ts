/** Placement: every node computes the same order, jobs spread evenly, and only those of a lost node move. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { targetOf } from '../../src/cluster/moves.ts'
import { homeOf, ranked, rankOf } from '../../src/cluster/placement.ts'
import { aJob } from '../support/jobs.ts'

const ips = fc.uniqueArray(fc.ipV4(), { minLength: 1, maxLength: 12 })
const id = fc.string({ minLength: 1, maxLength: 40 })

test('the order is the same whatever order the nodes are known in, and names each once', () => {
  const property = fc.property(id, ips, (job, nodes) => {
    const order = ranked(job, nodes)
    expect([...order].sort()).toEqual([...nodes].sort())
    expect(ranked(job, [...nodes].reverse())).toEqual(order)
    expect(order.map(node => rankOf(job, nodes, node))).toEqual(order.map((_, rank) => rank))
    expect(homeOf(job, nodes)).toBe(order[0])
  })
  fc.assert(property)
})

test('when a node is lost only its jobs change their home', () => {
  const property = fc.property(id, ips, fc.nat(), (job, nodes, nth) => {
    const lost = nodes[nth % nodes.length] as string
    const left = nodes.filter(node => node !== lost)
    const home = homeOf(job, nodes)
    if (home !== lost) expect(homeOf(job, left)).toBe(home)
    else expect(homeOf(job, left)).toBe(ranked(job, nodes)[1])
  })
  fc.assert(property)
})

test('a node that is not known to live comes last', () => {
  expect(rankOf('job', ['a', 'b'], 'c')).toBe(2)
  expect(homeOf('job', [])).toBeUndefined()
})

test.each([2, 3, 10])('10,000 jobs spread evenly over %i nodes whose names differ in one digit', count => {
  const nodes = Array.from({ length: count }, (_, i) => `10.0.0.${i + 1}`)
  const held = new Map(nodes.map(node => [node, 0]))
  for (let i = 0; i < 10_000; i++) {
    const home = homeOf(`job-${i}`, nodes) as string
    held.set(home, (held.get(home) ?? 0) + 1)
  }
  for (const jobs of held.values()) expect(Math.abs(jobs - 10_000 / count)).toBeLessThan(0.1 * (10_000 / count))
})

describe('the node that takes a job over', () => {
  const living = ['a', 'b', 'c', 'd']

  test('is one of its standby list, and of those that live', () => {
    const property = fc.property(fc.subarray(['b', 'c', 'x', 'y']), standby => {
      const to = targetOf(aJob({ standby }), living)
      const may = standby.filter(ip => living.includes(ip))
      if (may.length === 0) expect(to).toBeUndefined()
      else expect(may).toContain(to)
    })
    fc.assert(property)
  })

  test('is any with "any", and for a placed job that names none', () => {
    const any = aJob({ standby: 'any' })
    const placed = aJob({ state: { placed: true } })
    expect(targetOf(any, living)).toBe(homeOf(any._id, living))
    expect(targetOf(placed, living)).toBe(homeOf(placed._id, living))
  })

  test('is nobody without standby, and for a placed job with an empty list', () => {
    expect(targetOf(aJob(), living)).toBeUndefined()
    expect(targetOf(aJob({ standby: [], state: { placed: true } }), living)).toBeUndefined()
  })
})
