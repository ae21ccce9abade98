/** Me: who looks, and what that person may do.
 *  In: `/api/me`. Out: rights. What somebody may not do is not shown to them, and the server refuses it whatever the page shows. */
import { get } from '../api.ts'
import { Cell, useCell } from '../cell.ts'
import type { Me } from '../shapes.ts'

/** Undefined until the server has said it. */
export const me = new Cell<Me | undefined>(undefined)

export interface Rights {
  /** Pause, resume, run, move, cancel, drain. */
  readonly operate: boolean
  /** Create, change, remove. */
  readonly change: boolean
}

export async function learnMe(): Promise<void> {
  me.set(await get<Me>('me'))
}

export function rights(): Rights {
  const who = me.value
  if (who === undefined || who.readOnly) return { operate: false, change: false }
  return { operate: who.role !== 'viewer', change: who.role === 'admin' }
}

export function useRights(): Rights {
  useCell(me)
  return rights()
}
