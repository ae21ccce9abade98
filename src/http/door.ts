/** Door: who is it that asks?
 *  In: a request and both ends of its connection. Out: who it is, or nobody. The application's own `auth` decides where it is given;
 *  without it and without users, whoever is on this machine is an admin. */
import { type Ends, isLoopback } from './guards.ts'
import type { Who } from './who.ts'

/** Of the application that holds us: null is nobody. */
export type Auth = (request: Request) => Who | null | Promise<Who | null>

export interface Door {
  /** Undefined: nobody we know. Throws a refusal where it may not even try. */
  who(request: Request, ends: Ends): Promise<Who | undefined>
  /** Whether nobody has to say a name. */
  isOpen(): Promise<boolean>
}

export const doorOf = (auth: Auth | undefined): Door => ({
  who: async (request, { local, remote }) => {
    if (auth !== undefined) return (await auth(request)) ?? undefined
    return isLoopback(local) && isLoopback(remote) ? { user: null, role: 'admin' } : undefined
  },
  isOpen: async () => auth === undefined,
})
