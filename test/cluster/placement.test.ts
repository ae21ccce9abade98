/** Placement: every node computes the same order, jobs spread evenly, and only those of a lost node move. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { targetOf } from '../../src/cluster/moves.ts'
import { ability, ableOf, homeOf, ranked, rankOf, type Taker, unableProblem } from '../../src/cluster/placement.ts'
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
  const takers = living.map(_id => ({ _id }))

  test('is one of its standby list, and of those that live', () => {
    const property = fc.property(fc.subarray(['b', 'c', 'x', 'y']), standby => {
      const to = targetOf(aJob({ standby }), takers)
      const may = standby.filter(ip => living.includes(ip))
      if (may.length === 0) expect(to).toBeUndefined()
      else expect(may).toContain(to)
    })
    fc.assert(property)
  })

  test('is any with "any", and for a placed job that names none', () => {
    const any = aJob({ standby: 'any' })
    const placed = aJob({ state: { placed: true } })
    expect(targetOf(any, takers)).toBe(homeOf(any._id, living))
    expect(targetOf(placed, takers)).toBe(homeOf(placed._id, living))
  })

  test('is nobody without standby, and for a placed job with an empty list', () => {
    expect(targetOf(aJob(), takers)).toBeUndefined()
    expect(targetOf(aJob({ standby: [], state: { placed: true } }), takers)).toBeUndefined()
  })
})

describe('what a node says that it can perform', () => {
  const executors = { default: 'default', script: 'script', reports: 'process' }
  const mail: Taker = { _id: 'mail', tasks: ['mail:send', 'mail:digest'], executors }
  const bare: Taker = { _id: 'bare', tasks: ['note'], executors: { default: 'default' } }

  test.each([
    ['a function that it names', mail, { func: 'mail:send' }, 'yes'],
    ['one that it does not name', mail, { func: 'note' }, 'no'],
    ['a pool of its own', mail, { func: 'mail:send', executor: 'reports' }, 'yes'],
    ['an executor that it does not have', bare, { func: 'note', executor: 'reports' }, 'no'],
    ['an executor whose name every object knows', bare, { func: 'note', executor: 'constructor' }, 'no'],
    ['a script: its files are not told', mail, { func: 'a.sh', executor: 'script' }, 'perhaps'],
    ['a script, without a workspace', bare, { func: 'a.sh', executor: 'script' }, 'no'],
    ['more functions than are told', { ...bare, tasks: null }, { func: 'x' }, 'perhaps'],
    ['nothing, as a node of an older version does', { _id: 'old' }, { func: 'x' }, 'perhaps'],
    ['nonsense, because somebody spoilt its row', { ...bare, tasks: 5, executors: 'x' }, { func: 'x' }, 'perhaps'],
    ['what a broken document needs', bare, { func: 5 }, 'perhaps'],
  ])('%s', (_, node, needs, able) => {
    expect(ability(node as Taker, needs as never)).toBe(able)
  })

  test('decides who is ranked: those that are sure, else those that may; and the ranking among them stays', () => {
    const property = fc.property(id, ips, fc.func(fc.constantFrom('yes', 'perhaps', 'no')), (job, nodes, able) => {
      const of = (ip: string): Taker => {
        const said = able(ip)
        return said === 'perhaps' ? { _id: ip } : { _id: ip, tasks: said === 'yes' ? ['f'] : [], executors }
      }
      const takers = nodes.map(of)
      const found = ableOf({ func: 'f' }, takers)
      const sure = nodes.filter(ip => able(ip) === 'yes')
      expect(found).toEqual(sure.length > 0 ? sure : nodes.filter(ip => able(ip) === 'perhaps'))
      expect(homeOf(job, found)).toBe(ranked(job, nodes).find(ip => found.includes(ip)))
    })
    fc.assert(property)
  })

  test('stands in the sentence of a job that nobody can perform', () => {
    expect(unableProblem({ func: 'mail:sent' }, [mail, bare])).toBe(
      'func: no living node has a task "mail:sent"; did you mean mail:send? asked: mail, bare',
    )
    const many = Array.from({ length: 12 }, (_, i) => ({ ...bare, _id: `n${i}` }))
    expect(unableProblem({ func: 'x' }, many)).toMatch(/asked: n0, n1, n2, n3, n4, n5, n6, n7 and 4 more$/)
    expect(unableProblem({ func: 'x', executor: 'gpu' }, [mail, bare])).toBe(
      'executor: no living node has one named "gpu" that performs anything; asked: mail, bare',
    )
  })

  test('decides who takes over, within the standby nodes', () => {
    const job = aJob({ func: 'mail:send', standby: 'any' })
    expect(targetOf(job, [bare, mail])).toBe('mail')
    expect(targetOf({ ...job, standby: ['bare'] }, [bare, mail])).toBeUndefined()
  })
})
