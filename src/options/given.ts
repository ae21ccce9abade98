/** What was given to `createNode` or `connect`, checked as a whole.
 *  In: anything. Out: the values of the table with their defaults. Throws `invalid_option`.
 *  The interface that people see is named by the caller; it does not compile where that and the table differ. */
import type { z } from 'zod'
import { expected, found, isRecord, readTable, refused, type Values } from './option.ts'
import { type Holder, OPTIONS, type TableOf, type TableOption } from './table.ts'

type Inputs<H extends Holder> = {
  readonly [N in keyof TableOf<H>]: TableOf<H>[N] extends { readonly schema: infer S } ? z.input<S> : never
}
/** Text, numbers and switches, whose types are the same in both; an object of the table may have a nearer type in the interface. */
type Plain<T> = { readonly [N in keyof T as T[N] extends string | number | boolean ? N : never]: T[N] }

/** An interface that has the names and types of the table; else never. */
export type Agreeing<Interface, H extends Holder> = [keyof Interface, Required<Interface>, Plain<Inputs<H>>] extends [
  keyof TableOf<H>,
  Inputs<H>,
  Plain<Required<Interface>>,
]
  ? Interface
  : never

const CALLED: Readonly<Record<Holder, string>> = { node: 'createNode', client: 'connect' }

export function optionsOf<H extends Holder, Interface>(
  holder: H,
  options: Agreeing<Interface, H>,
): Interface & Values<TableOf<H>> {
  const given: unknown = options
  if (!isRecord(given)) {
    // Text could be a connection string with a password in it.
    const instead = typeof given === 'string' ? 'text' : found(given)
    throw refused(expected('options', 'an object such as {uri: process.env.MONGODB_URI}', instead))
  }
  const values = readTable(tableOf(holder), given, { what: `option of ${CALLED[holder]}`, hint })
  if (given.uri === undefined && given.client === undefined) {
    throw refused(expected('uri', 'a connection string (or a client)', 'neither'))
  }
  if (given.uri !== undefined && given.client !== undefined) {
    throw refused(expected('client', 'either uri or client', 'both'))
  }
  return values as Interface & Values<TableOf<H>>
}

/** A word of the other one's, or of the command line's. */
function hint(name: string): string | undefined {
  for (const [own, { of, cli }] of Object.entries<TableOption>(OPTIONS)) {
    if (own === name && of[0] !== undefined) return `it is one of ${of.map(holder => CALLED[holder]).join(' and ')}`
    if (own === name || cli?.name === name) return 'it is one of the command line'
  }
  return undefined
}

/** The rows that one of them takes. */
function tableOf<H extends Holder>(holder: H): TableOf<H> {
  const rows = Object.entries<TableOption>(OPTIONS).filter(([, { of }]) => of.includes(holder))
  return Object.fromEntries(rows) as unknown as TableOf<H>
}
