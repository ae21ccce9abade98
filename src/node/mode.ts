/** Mode: what a node is doing, and what is asked of it.
 *  In: what its process does (start, pause, resume, stop), what people want of it (`wanted` in the registry), how its lease goes.
 *  Out: the state that it says. Nothing here acts: whoever brings another mode about carries it out.
 *  stopped → starting → standby (another process has the ip) ⇄ active | paused | draining, as it is asked → ending → stopped;
 *  `closed` is for good. Holds: `become` alone sets the mode, and what ends does nothing else until it is over. */
import type { NodeState } from '../health/status.ts'

/** Which mode may follow which; each may follow itself. */
const MAY_FOLLOW: Readonly<Record<NodeState | 'ending', readonly (NodeState | 'ending')[]>> = {
  stopped: ['starting', 'closed'],
  starting: ['standby', 'active', 'paused', 'draining', 'stopped'],
  standby: ['active', 'paused', 'draining', 'ending', 'stopped'],
  active: ['paused', 'draining', 'standby', 'ending'],
  paused: ['active', 'draining', 'standby', 'ending'],
  draining: ['active', 'paused', 'standby', 'ending'],
  ending: ['stopped'],
  closed: [],
}

/** What a node may be asked to do while it holds its lease. */
export type Work = 'active' | 'paused' | 'draining'

export class Mode {
  #mode: NodeState | 'ending' = 'stopped'
  /** `pause` was called. */
  #paused = false
  /** What people want, which counts beside it. */
  #wanted: Work | undefined

  /** As the node says it: one that ends is draining. */
  get state(): NodeState {
    return this.#mode === 'ending' ? 'draining' : this.#mode
  }

  /** A start that begins knows of no earlier wishes. */
  begin(paused: boolean): void {
    this.#paused = paused
    this.#wanted = undefined
    this.become('starting')
  }

  become(mode: NodeState | 'ending'): void {
    if (this.#mode === 'ending' && mode !== 'stopped') return
    if (mode !== this.#mode && !MAY_FOLLOW[this.#mode].includes(mode))
      throw new Error(`mode: ${this.#mode} is not followed by ${mode}`)
    this.#mode = mode
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
  }

  /** People who want a node active end its own pause too, save the one that it starts with. */
  want(wanted: Work | undefined): void {
    if (wanted === this.#wanted) return
    this.#wanted = wanted
    if (wanted === 'active' && this.#mode !== 'starting') this.#paused = false
  }

  /** Begins to work as it is asked. */
  work(): Work {
    const asked = this.#asked
    this.become(asked)
    return asked
  }

  /** Turns a node that works to what is asked; undefined: that is what it does, or it does not work. */
  obey(): Work | undefined {
    const works = this.#mode === 'active' || this.#mode === 'paused' || this.#mode === 'draining'
    return works && this.#asked !== this.#mode ? this.work() : undefined
  }

  get isEnding(): boolean {
    return this.#mode === 'ending'
  }

  /** Whether jobs without a node may come here. */
  get mayAdopt(): boolean {
    const lives = this.#mode !== 'stopped' && this.#mode !== 'closed' && !this.isEnding
    return lives && this.#wanted !== 'draining'
  }

  /** Whether people want the node to give its jobs away. */
  get givesAway(): boolean {
    return !this.isEnding && this.#wanted === 'draining'
  }

  get #asked(): Work {
    if (this.#wanted === 'draining') return 'draining'
    return this.#paused || this.#wanted === 'paused' ? 'paused' : 'active'
  }
}
