/** Pair: a guard of the protocol, proved twice: with it the model holds in every state, without it a violation is found.
 *  In: the model with and without the guard, and what is to be found without it. Out: two tests; each is annotated with the
 *  number of states or with the trace, which is what a reader wants to see when one of them fails. */
import { expect, test } from 'vitest'
import { explore, type Model, told } from './explore.ts'

export function holds<S extends object>(guard: string, model: Model<S>): void {
  test(guard, async ({ annotate }) => {
    const found = await explore(model)
    await annotate(told(found))
    expect(told(found)).toMatch(/^holds in all \d+ states$/)
    expect(found.states, 'a model in which next to nothing happens proves nothing').toBeGreaterThan(3)
  })
}

/** A mutant: the same model without one guard. */
export function breaks<S extends object>(guard: string, mutant: Model<S>, wrong: RegExp, within: number): void {
  test(`${guard}: without that a short trace shows why`, async ({ annotate }) => {
    const found = await explore(mutant)
    await annotate(told(found))
    expect(found.violation ?? told(found)).toMatch(wrong)
    expect(found.trace.length, told(found)).toBeLessThanOrEqual(within)
  })
}
