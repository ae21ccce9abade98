/** The real Agenda, for tests of what is brought over from it: installed once into our cache, with a MongoDB driver of its own. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Db } from 'mongodb'
import { installedOnce } from './installed.ts'

const AGENDA_VERSION = '6.2.6'
const BACKEND_VERSION = '4.0.3'

/** What tests use of it. */
export interface Agenda {
  define(name: string, work: () => Promise<void>): void
  every(interval: string | number, name: string, data?: unknown, options?: object): Promise<unknown>
  schedule(when: Date | string, name: string, data?: unknown): Promise<unknown>
  create(name: string, data?: unknown): AgendaJob
  start(): Promise<void>
  stop(): Promise<void>
  readonly ready: Promise<void>
}

export interface AgendaJob {
  repeatAt(time: string): AgendaJob
  repeatEvery(interval: string | number, options?: object): AgendaJob
  schedule(when: Date | string): AgendaJob
  disable(): AgendaJob
  save(): Promise<unknown>
}

export interface AgendaLibrary {
  /** On a collection of this database. */
  open(db: Db, collection: string): Promise<Agenda>
  /** When a job of these attributes runs next. */
  next(attributes: object): Date
}

export async function agendaLibrary(): Promise<AgendaLibrary> {
  const packages = [`agenda@${AGENDA_VERSION}`, `@agendajs/mongo-backend@${BACKEND_VERSION}`]
  const folder = await installedOnce(`agenda-${AGENDA_VERSION}-${BACKEND_VERSION}`, packages)
  const load = (file: string) => import(pathToFileURL(join(folder, 'node_modules', file)).href)
  const { Agenda: Made } = await load('agenda/dist/index.js')
  const { MongoBackend } = await load('@agendajs/mongo-backend/dist/index.js')
  const { computeFromInterval } = await load('agenda/dist/utils/nextRunAt.js')
  return {
    async open(mongo, collection) {
      const agenda: Agenda = new Made({ backend: new MongoBackend({ mongo, collection }), processEvery: 100 })
      await agenda.ready
      return agenda
    },
    next: computeFromInterval,
  }
}
