/* What the scripts for mongosh say, and how they read what they are given; tidewheel.mongosh.js, beside it, needs it.
 * Nothing here asks the database. It stands in a file of its own because mongosh rewrites each line that it loads, to
 * wait where a line asks the database, and that takes longer than all the rest.
 */
'use strict'

const MOST = 1_000_000

// What a person gave.

const fail = sentence => {
  throw new Error(sentence)
}

/** A found value in a few words. */
const show = value => {
  if (value === undefined) return 'nothing'
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}…` : value)
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : `an array of ${value.length}`
  if (isDate(value)) return Number.isNaN(value.getTime()) ? 'an invalid date' : value.toISOString()
  if (typeof value === 'function') return 'a function'
  if (typeof value !== 'object' || value === null) return String(value)
  const kind = typeof value._bsontype === 'string' ? value._bsontype : 'object'
  return `${/^[AEIOU]/i.test(kind) ? 'an' : 'a'} ${kind}`
}

/** Also one that was made in the realm of mongosh. */
const isDate = value => Object.prototype.toString.call(value) === '[object Date]'

const isPlain = value => Object.prototype.toString.call(value) === '[object Object]' && value._bsontype === undefined

const textOf = (name, value, meaning) =>
  typeof value === 'string' && value !== '' ? value : fail(`${name}: expected ${meaning}; found ${show(value)}`)

const idOf = id => textOf('id', id, 'the id of a job, text such as "digest"')

/** The name of a node; null: the cluster is to choose, or none. */
const nodeOf = (name, value, otherwise) =>
  value === null || value === '' ? null : textOf(name, value, `a node, text such as "10.0.0.7", or ${otherwise}`)

/** An object as it is, or read from the text of one. */
const objectOf = (name, value, example, parse) => {
  let object = value
  if (typeof value === 'string') {
    try {
      object = parse(value)
    } catch (error) {
      fail(`${name}: expected JSON, such as ${example}; found ${show(value)} (${error.message})`)
    }
  }
  return isPlain(object) ? object : fail(`${name}: expected an object, such as ${example}; found ${show(object)}`)
}

const filterOf = (filter, example) =>
  isPlain(filter) ? filter : fail(`filter: expected a filter of MongoDB, such as ${example}; found ${show(filter)}`)

/** Options of a verb, with their defaults for those that were not given; a misspelt one is refused. */
const optionsOf = (options, defaults) => {
  const known = Object.keys(defaults)
  if (!isPlain(options)) fail(`options: expected an object with ${known.join(', ')}; found ${show(options)}`)
  const unknown = Object.keys(options).find(name => !known.includes(name))
  if (unknown !== undefined) fail(`${unknown}: not an option of this verb; it takes ${known.join(', ')}`)
  const all = { ...defaults, ...options }
  for (const name of known) {
    const value = all[name]
    if (typeof defaults[name] === 'boolean') {
      if (typeof value !== 'boolean') fail(`${name}: expected true or false; found ${show(value)}`)
    } else if (value !== defaults[name] && !(Number.isSafeInteger(value) && value >= 1 && value <= MOST))
      fail(`${name}: expected a whole number from 1 to ${MOST}; found ${show(value)}`)
  }
  return all
}

// What MongoDB refused.

/** Of all that MongoDB says of a document it refused: which field, what is allowed, and what was found. */
const refusal = (errInfo, fields) => {
  const broken = errInfo?.details?.schemaRulesNotSatisfied ?? []
  const unknown = broken.find(rule => rule.operatorName === 'additionalProperties')?.additionalProperties?.[0]
  if (unknown !== undefined) return unknownField(unknown, fields)
  const rule = broken.find(({ operatorName }) => operatorName === 'allOf')?.schemasNotSatisfied?.[0]
  if (rule?.description === undefined) return 'the document breaks a rule of the collection'
  const extra = within(rule, 'additionalProperties')
  if (Array.isArray(extra)) return `${rule.description}; found ${extra.join(', ')}`
  // In a rule of alternatives the value at hand is the one that chose the branch, not the one that is wrong.
  if (rule.description.startsWith('trigger: ') && JSON.stringify(rule).includes('"operatorName":"anyOf"'))
    return rule.description
  const missing = within(rule, 'missingProperties') !== undefined
  return `${rule.description}; found ${missing ? 'nothing' : show(within(rule, 'consideredValue'))}`
}

const unknownField = (name, fields) => {
  const near = nearest(name, fields.job)
  const advice = fields.trigger.includes(name)
    ? 'it belongs into trigger'
    : near === undefined
      ? 'your own data goes in fields that begin with x_'
      : `did you mean ${near}?`
  return `${name}: not a field of a job; ${advice}`
}

/** The first value of that name, from the outside in. */
const within = (object, name) => {
  if (typeof object !== 'object' || object === null) return undefined
  for (const [key, value] of Object.entries(object)) {
    if (key === name) return value
    if (key === 'specifiedAs' || key === 'consideredValue') continue
    const found = within(value, name)
    if (found !== undefined) return found
  }
  return undefined
}

/** The known word nearest to another, two letters away at most. */
const nearest = (word, words) => {
  const near = words.map(other => [distance(word, other), other]).filter(([letters]) => letters < 3)
  return near.reduce((best, one) => (best === undefined || one[0] < best[0] ? one : best), undefined)?.[1]
}

/** Levenshtein's. */
const distance = (a, b) => {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]
}

// What a person sees.

/** One line of text: what could move the cursor of a terminal is taken out. */
const plain = value => String(value).replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')

const cut = (text, width) => {
  const letters = [...text]
  return letters.length > width ? `${letters.slice(0, width - 1).join('')}…` : text
}

const padded = (text, width) => text + ' '.repeat(width - [...text].length)

/** The lines of a table, no wider than the room as far as that can be.
 *  A column is [title, the cell of a row, the width to which it may be cut, whether it may be left out]. */
const tableLines = (columns, rows, room) => {
  let shown = columns.map(([title, cell, least, spare]) => {
    const cells = [title, ...rows.map(row => plain(cell(row) ?? '-'))]
    const width = cells.reduce((most, text) => Math.max(most, [...text].length), 0)
    return { cells, spare, width, least: Math.min(width, Math.max(least ?? width, title.length)) }
  })
  const excess = name => shown.reduce((sum, column) => sum + column[name] + 2, -2) - room
  for (const spare of shown.filter(column => column.spare).reverse())
    if (excess('least') > 0) shown = shown.filter(column => column !== spare)
  for (let over = excess('width'); over > 0; over--) {
    const widest = shown.reduce((most, column) =>
      column.width - column.least > most.width - most.least ? column : most,
    )
    if (widest.width === widest.least) break
    widest.width--
  }
  return [undefined, ...rows].map((_, row) =>
    shown
      .map(({ cells, width }) => padded(cut(cells[row], width), width))
      .join('  ')
      .trimEnd(),
  )
}

const counted = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`

const time = value =>
  isDate(value) && !Number.isNaN(value.getTime()) ? value.toISOString().replace(/\.\d+Z$/, 'Z') : String(value)

/** Milliseconds in the unit that says enough. */
const span = ms => {
  for (const [unit, length] of [
    ['d', 864e5],
    ['h', 36e5],
    ['min', 6e4],
    ['s', 1e3],
  ]) {
    if (Math.abs(ms) >= length * (unit === 's' ? 1 : 2)) return `${Math.round(ms / length)} ${unit}`
  }
  return `${Math.round(ms * 10) / 10} ms`
}

const CRON = ['year', 'month', 'day', 'week', 'day_of_week', 'hour', 'minute', 'second']

const PARTS = ['weeks', 'days', 'hours', 'minutes', 'seconds']

/** A trigger in a few words. */
const triggerText = trigger => {
  const { type, timezone: _timezone, ...fields } = trigger ?? {}
  if (type === 'date') return fields.run_date === undefined ? 'once' : `once ${time(fields.run_date)}`
  if (type === 'interval') {
    const parts = PARTS.filter(part => fields[part] > 0)
    return `every ${parts.map(part => counted(Number(fields[part]), part.slice(0, -1))).join(' ')}`
  }
  if (type === 'cron' && fields.expression !== undefined) return `cron ${fields.expression}`
  if (type === 'cron') {
    const named = CRON.filter(field => fields[field] !== undefined)
    return `cron ${named.map(field => `${field}=${fields[field]}`).join(' ')}`
  }
  if (Array.isArray(fields.triggers)) return fields.triggers.map(triggerText).join(` ${type} `)
  return type
}

/** When a job runs next, or why it does not. */
const nextText = job => {
  if (job.state?.error) return `not schedulable: ${job.state.error}`
  if (job.next_run_time === null) return job.state?.over ? 'over' : ['paused', job.note].filter(Boolean).join(': ')
  const next = job.next_run_time === undefined ? 'not planned yet' : time(job.next_run_time)
  return job.note ? `${next} (${job.note})` : next
}

const statusOf = ({ living, status = 'active' }) => (living || status === 'stopped' ? status : 'lost')

/** Why nobody runs the jobs of a node; undefined: it lives. */
const whyNobody = (ip, nodes) => {
  if (ip === undefined || ip === null) return nodes.some(({ living }) => living) ? undefined : 'no node lives'
  const node = nodes.find(({ _id }) => _id === ip)
  if (node === undefined) return 'no such node is known'
  if (node.living) return undefined
  const since = node.silent === null ? '' : ` for ${span(node.silent)}`
  return node.status === 'stopped' ? `stopped${since}` : `silent${since}`
}

const whereOf = ip => ip ?? 'a node that the cluster chooses'

const JOB_COLUMNS = [
  ['ID', job => job._id, 24],
  ['IP', job => job.ip, 16],
  ['FUNC', job => job.func, 10, true],
  ['TRIGGER', job => triggerText(job.trigger), 10, true],
  ['LAST', job => job.state?.last_status, undefined, true],
  ['NEXT', nextText, 20],
]

const RUN_COLUMNS = [
  ['RUN TIME', row => time(row.run_time)],
  ['STATUS', row => row.status],
  ['TOOK', row => (typeof row.duration === 'number' ? span(row.duration) : undefined), undefined, true],
  ['JOB', row => row.job_id, 12],
  ['NODE', row => row.ip, 8, true],
  ['RUN', row => row._id],
  ['WHY', row => row.exception ?? '', 10, true],
]

const LEVELS = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' }

/** A line of a log: JSON of a logger becomes time, level and text. */
const logLine = line => {
  let entry
  try {
    entry = JSON.parse(line)
  } catch {
    return plain(line)
  }
  if (!isPlain(entry) || typeof entry.time !== 'number') return plain(line)
  const { level, time: at, msg = '', ...rest } = entry
  const more = Object.keys(rest).length === 0 ? '' : JSON.stringify(rest)
  return plain([new Date(at).toISOString(), LEVELS[level] ?? level, msg, more].filter(Boolean).join('  '))
}

const HELP = [
  ['tw.add(job)', 'add a job; it is armed at once'],
  ['tw.list(filter?, {limit}?)', 'jobs, such as tw.list({ip: "10.0.0.7"}) or tw.list({tags: "mail"})'],
  ['tw.get(id)', 'one job, field by field'],
  ['tw.move(id, ip)', 'another node runs it; null: one that the cluster chooses'],
  ['tw.moveAll(from, to)', 'all jobs of a node to another one; null as above'],
  ['tw.pause(id, note?)', 'no run until it is resumed; the note says why'],
  ['tw.resume(id)', 'from now on; what the pause missed is not made up'],
  ['tw.run(id, {restart}?)', 'once more, now; restart: true has its interval start anew'],
  ['tw.reschedule(id, trigger, {resume}?)', 'another trigger, from now on: an object, or crontab text'],
  ['tw.next(id or filter?, {limit}?)', 'the next run of each job, the soonest first'],
  ['tw.history(id or filter?, {limit}?)', 'past runs, the latest first'],
  ['tw.log(run or job)', 'what a run said, or the latest run of a job'],
  ['tw.nodes()', 'who lives, with how many jobs and runs'],
  ['tw.stranded({limit}?)', 'jobs that nobody runs, and why'],
  ['tw.invalid({limit}?)', 'jobs that cannot be scheduled, and why'],
  ['tw.watch(id?, {limit}?)', 'what happens, a line an event, until Ctrl-C'],
]

// What happens, as the change streams tell it.

const eventsOf = change => {
  const { ns, operationType, documentKey, updateDescription, fullDocument } = change
  if (documentKey === undefined) return []
  const at = change.wallTime ?? new Date(change.clusterTime.getHighBits() * 1000)
  const changed = { updated: updateDescription?.updatedFields ?? {}, removed: updateDescription?.removedFields ?? [] }
  const details = { operationType, _id: documentKey._id, document: fullDocument ?? {}, ...changed }
  const read = { jobs: jobEvents, executions: runEvents, nodes: nodeEvents }[ns.coll]
  return read(details).map(([type, fields]) => ({ at, type, ...fields }))
}

/** The document is the one of now, which may be gone or further than the change. */
const jobEvents = ({ operationType, _id, document, updated, removed }) => {
  const base = { node: updated.ip ?? document.ip ?? null, job_id: _id }
  if (operationType === 'insert') return [['job.added', base]]
  if (operationType === 'replace') return [['job.modified', base]]
  if (operationType === 'delete') return [['job.removed', base]]
  const events = []
  if (typeof updated['state.error'] === 'string')
    events.push(['job.invalid', { ...base, detail: updated['state.error'] }])
  if (updated['state.placed'] === true) events.push(['job.adopted', base])
  else if (updated.ip !== undefined || removed.includes('ip'))
    events.push(['job.moved', { ...base, detail: `to ${whereOf(updated.ip)}` }])
  if (updated.next_run_time === null && document.state?.over !== true)
    events.push(['job.paused', { ...base, detail: updated.note ?? document.note ?? '' }])
  // What a node writes of its own accord is no edit.
  if ('touch' in updated) return events
  if (removed.includes('next_run_time')) events.push(['job.resumed', base])
  else if (events.length === 0) {
    const fields = [...Object.keys(updated), ...removed].join(', ')
    events.push(['job.modified', { ...base, detail: fields }])
  }
  return events
}

/** A row is the end of a run or, of one that takes longer than a second, its start. */
const runEvents = ({ operationType, document }) => {
  const { _id, ip, job_id, run_time, status, duration, exception } = document
  if (operationType === 'delete' || status === undefined) return []
  const took = typeof duration === 'number' ? `took ${span(duration)}` : ''
  const detail = [exception ?? '', took].filter(Boolean).join('; ') || `due ${time(run_time)}`
  return [[`run.${status}`, { node: ip, job_id, run_id: _id, run_time, detail }]]
}

const nodeEvents = ({ operationType, _id, updated }) => {
  if (operationType !== 'update') return []
  if (typeof updated.incarnation === 'string')
    return [[updated.lease === 0 ? 'node.lost' : 'node.started', { node: _id }]]
  const type = { active: 'resumed', paused: 'paused', draining: 'draining', stopped: 'stopped' }[updated.status]
  return type === undefined ? [] : [[`node.${type}`, { node: _id }]]
}

const eventLine = ({ at, node, type, job_id, detail }) => {
  const clock = at.toISOString().slice(11)
  return [clock, (node ?? '-').padEnd(12), type.padEnd(14), job_id, detail].filter(Boolean).join('  ').trimEnd()
}

module.exports = {
  fail,
  show,
  textOf,
  idOf,
  nodeOf,
  objectOf,
  filterOf,
  optionsOf,
  refusal,
  plain,
  cut,
  tableLines,
  counted,
  time,
  span,
  triggerText,
  nextText,
  statusOf,
  whyNobody,
  whereOf,
  JOB_COLUMNS,
  RUN_COLUMNS,
  logLine,
  HELP,
  eventsOf,
  eventLine,
}
