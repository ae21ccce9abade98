/** Who: whoever asks, and what that person may do.
 *  Roles contain one another: a viewer reads; an operator steers jobs, runs and nodes, too; an admin changes what there is. */
import { Refusal } from './refusal.ts'

export type Role = 'viewer' | 'operator' | 'admin'

export const ROLES: readonly Role[] = ['viewer', 'operator', 'admin']

export interface Who {
  /** Null: nobody had to say a name. */
  readonly user: string | null
  readonly role: Role
}

/** Whether a role may do what needs another one. */
export const mayAct = (role: Role, needs: Role): boolean => ROLES.indexOf(role) >= ROLES.indexOf(needs)

/** Throws where it may not. */
export function mustBe(needs: Role, { user, role }: Who): void {
  if (mayAct(role, needs)) return
  throw new Refusal(403, 'forbidden', `${user ?? 'you'}: this needs the role ${needs}, yours is ${role}`)
}
