/** Credentials: what somebody shows at the door.
 *  In: the header `Authorization`. Out: a name and a password, a token, or nothing that we know. Nothing else of a request is looked
 *  at: what stands in an address is kept in histories and logs. */

export type Credentials =
  | { readonly kind: 'password'; readonly name: string; readonly password: string }
  | { readonly kind: 'token'; readonly token: string }

export function credentialsOf(header: string | null): Credentials | undefined {
  const [, scheme = '', value = ''] = /^(\w+) +([^ ]+) *$/.exec(header ?? '') ?? []
  if (/^bearer$/i.test(scheme)) return { kind: 'token', token: value }
  if (!/^basic$/i.test(scheme) || !/^[\w+/]+={0,2}$/.test(value)) return undefined
  const text = Buffer.from(value, 'base64').toString()
  const colon = text.indexOf(':')
  if (colon < 0) return undefined
  return { kind: 'password', name: text.slice(0, colon), password: text.slice(colon + 1) }
}
