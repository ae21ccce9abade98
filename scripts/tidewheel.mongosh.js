/* Tidewheel in mongosh: verbs that read documents, or edit them the way a person would, and nothing else.
 *
 *   load('scripts/tidewheel.mongosh.js')
 *   tw.help()
 *
 * Each verb prints a table, cut to the width of the terminal, and returns the documents that it shows. What MongoDB or
 * a verb refuses is an error of one sentence. No edit sets `touch` or `state`, which are written by nodes only.
 *
 * DB      the database; default: the one that mongosh is in, "tidewheel" where that is "test"
 * FORMAT  json: no tables, and what else is said goes to standard error
 */
;(() => {
  // mongosh keeps what it has required: an edited file counts from the next start on.
  const words = require(`${__dirname}/tidewheel.words.cjs`)
  const { fail, show, textOf, idOf, nodeOf, objectOf, filterOf, optionsOf, refusal } = words
  const { plain, cut, counted, time, span, triggerText, nextText, statusOf, whyNobody, whereOf } = words
  const { JOB_COLUMNS, RUN_COLUMNS } = words

  const LIMIT = 100
  const RUNS_LIMIT = 20

  /** A parameter: a variable of mongosh, else of the environment. */
  const given = name => globalThis[name] ?? process.env[name]

  // The database.

  /** The fields of a job, as the validator of each database lists them. */
  const known = new Map()
  let told

  /** The database to work in, looked up anew at each call: `use` and DB count at once. */
  const database = () => {
    const name = String(given('DB') || (db.getName() === 'test' ? 'tidewheel' : db.getName()))
    const found = db.getSiblingDB(name)
    if (!known.has(name)) {
      const [{ options } = {}] = attempt(() => found.getCollectionInfos({ name: 'jobs' }), name)
      const schema = options?.validator?.$jsonSchema
      if (!String(schema?.title).startsWith('tidewheel jobs')) {
        fail(
          `the database "${name}" has no collection "jobs" of Tidewheel; name another with DB, or run: tidewheel init`,
        )
      }
      known.set(name, {
        job: Object.keys(schema.properties ?? {}),
        trigger: (schema.allOf ?? []).flatMap(rule => Object.keys(rule.properties?.trigger?.properties ?? {})),
      })
    }
    if (name !== told) say(`database ${name}`)
    told = name
    return found
  }

  const collection = name => database().getCollection(name)

  /** Asks the database; what it refuses becomes one sentence. */
  const attempt = (ask, name = told) => {
    try {
      // mongosh awaits what is assigned, not what is returned.
      const answer = ask()
      return answer
    } catch (error) {
      if (error.code === 121) return fail(`refused: ${refusal(error.errInfo, known.get(name))}`)
      if (error.code === 13) return fail(`not authorised: this user may not do that in the database "${name}"`)
      throw error
    }
  }

  // What a person sees.

  /** Results are wanted as lines of JSON: then these alone go to standard output. */
  const asJson = given('FORMAT') === 'json'

  const say = line => {
    if (asJson) process.stderr.write(`${plain(line)}\n`)
    else print(plain(line))
  }

  const roomOf = () => process.stdout.columns || Number.POSITIVE_INFINITY

  const table = (columns, rows) => {
    if (asJson || rows.length === 0) return
    for (const line of words.tableLines(columns, rows, roomOf())) print(line)
  }

  /** What a verb returns. The prompt of mongosh does not print again what was printed. */
  const result = (value, text) =>
    Object.defineProperty(value, Symbol.for('@@mongosh.asPrintable'), { value: () => text, configurable: true })

  /** One job, printed and returned. */
  const shownJob = job => {
    table(JOB_COLUMNS, [job])
    return result(job)
  }

  /** Says how many there are where not all of them are shown. */
  const sayCount = (shown, all, one) =>
    say(shown < all ? `${shown} of ${counted(all, one)}; limit shows more` : counted(all, one))

  // Nodes.

  const LONGEST_MS = 366 * 864e5
  /** A row that was spoilt by hand counts as a lease that ended long ago. */
  const LEFT = {
    $cond: [
      {
        $and: [
          { $gte: ['$seen', new Date(0)] },
          { $lte: ['$seen', { $add: ['$$NOW', LONGEST_MS] }] },
          { $gte: ['$lease', 0] },
          { $lte: ['$lease', LONGEST_MS] },
        ],
      },
      { $subtract: [{ $add: ['$seen', '$lease'] }, '$$NOW'] },
      -1,
    ],
  }

  /** The registry, by the server's clock: whether each node lives, and for how many ms it was silent. */
  const registry = () => {
    const silent = { $cond: [{ $eq: [{ $type: '$seen' }, 'date'] }, { $subtract: ['$$NOW', '$seen'] }, null] }
    const stages = [{ $set: { left: LEFT, silent } }, { $sort: { _id: 1 } }]
    const rows = attempt(() => collection('nodes').aggregate(stages).toArray())
    return rows.map(({ left, silent, ...node }) => ({
      ...node,
      living: node.status !== 'stopped' && Number(left) > 0,
      silent: silent === null ? null : Number(silent),
    }))
  }

  /** Says so where a job has to wait for its node. The edit is done then: who may not read the registry is told nothing. */
  const sayIfWaits = ip => {
    let nodes
    try {
      nodes = registry()
    } catch {
      return
    }
    const why = whyNobody(ip, nodes)
    if (why !== undefined) say(ip ? `it waits for the node "${ip}": ${why}` : 'it waits for a node: none lives')
  }

  // Edits.

  const find = id => {
    const job = attempt(() => collection('jobs').findOne({ _id: idOf(id) }))
    return job ?? fail(`there is no job "${id}"`)
  }

  /** Edits one job, and answers what it is then, or was before. */
  const edit = (id, update, returnDocument = 'after') => {
    const _id = idOf(id)
    const jobs = collection('jobs')
    const job = attempt(() => jobs.findOneAndUpdate({ _id }, update, { returnDocument }))
    return job ?? fail(`there is no job "${_id}"`)
  }

  const ipUpdate = ip => (ip === null ? { $unset: { ip: '' } } : { $set: { ip } })

  const EXTRA_RUNS = { $ifNull: ['$run_at', []] }
  /** The server's time, or right after other orders of the same second: two equal ones are one. */
  const NOW_ONCE = {
    $max: [
      '$$NOW',
      {
        $add: [
          {
            $max: {
              $filter: {
                input: EXTRA_RUNS,
                cond: { $and: [{ $gte: ['$$this', '$$NOW'] }, { $lt: ['$$this', { $add: ['$$NOW', 1_000] }] }] },
              },
            },
          },
          1,
        ],
      },
    ],
  }
  const ONCE_MORE = [{ $set: { run_at: { $concatArrays: [EXTRA_RUNS, [NOW_ONCE]] } } }]

  // What happens, as the change streams tell it.

  const set = field => `updateDescription.updatedFields.${field}`
  /** The names of changed fields hold dots. */
  const ERROR_SET = { $getField: { field: 'state.error', input: '$updateDescription.updatedFields' } }
  /** What each collection's stream is to send: nodes write much that tells nobody anything. */
  const TELLING = {
    jobs: [
      { [set('touch')]: { $exists: false } },
      { [set('ip')]: { $exists: true } },
      { [set('next_run_time')]: { $type: 'null' } },
      { $expr: { $eq: [{ $type: ERROR_SET }, 'string'] } },
    ],
    executions: [{ [set('status')]: { $exists: true } }],
    nodes: [{ [set('incarnation')]: { $exists: true } }, { [set('status')]: { $exists: true } }],
  }
  /** A stream of one collection; the first one of several may wait, so that the others need not. */
  const follow = (name, maxAwaitTimeMS, startAfter) => {
    const always = { operationType: { $in: ['insert', 'replace', 'delete', 'invalidate'] } }
    const stages = [{ $match: { $or: [always, ...TELLING[name]] } }]
    const options = { fullDocument: 'updateLookup', maxAwaitTimeMS, ...(startAfter && { startAfter }) }
    return attempt(() => collection(name).watch(stages, options))
  }

  /** Where there is no prompt to come back to, Ctrl-C is the usual end of a watch and no error. */
  const interruption = () => {
    const interrupt = { came: false, end() {} }
    if (isInteractive()) return interrupt
    const others = process.listeners('SIGINT')
    const come = () => {
      interrupt.came = true
    }
    interrupt.end = () => {
      process.removeListener('SIGINT', come)
      for (const other of others) process.addListener('SIGINT', other)
    }
    process.removeAllListeners('SIGINT').addListener('SIGINT', come)
    return interrupt
  }

  // The verbs.

  /** Jobs in trouble, with a column that says which. */
  const troubled = (filter, limit, why) => {
    const jobs = collection('jobs')
    const cursor = jobs.find(filter).sort({ _id: 1 })
    const found = attempt(() => cursor.limit(limit).toArray())
    const all = found.length < limit ? found.length : attempt(() => jobs.countDocuments(filter))
    table([JOB_COLUMNS[0], JOB_COLUMNS[1], ['FUNC', job => job.func, 10, true], why], found)
    sayCount(found.length, all, 'job')
    return result(found)
  }

  const tw = {
    help() {
      table(
        [
          ['VERB', ([verb]) => verb],
          ['DOES', ([, does]) => does, 30],
        ],
        words.HELP,
      )
      say(
        'The rest is plain MongoDB: db.jobs.updateOne({_id: "digest"}, {$set: {timeout: 60}}), deleteOne, {$set: {cancel: "*"}}',
      )
      return result(words.HELP.map(([verb, does]) => ({ verb, does })))
    },

    add(job) {
      const example = '{_id: "digest", func: "mail:digest", trigger: {type: "interval", minutes: 5}}'
      const document = { _id: new ObjectId().toHexString(), ...objectOf('job', job, example, EJSON.parse) }
      if (typeof document._id !== 'string')
        fail(`_id: job ids are strings of 1-255 characters, not ObjectIds, such as digest; found ${show(document._id)}`)
      const jobs = collection('jobs')
      try {
        attempt(() => jobs.insertOne(document))
      } catch (error) {
        fail(error.code === 11000 ? `there is a job "${document._id}" already` : error.message)
      }
      say(`added "${document._id}" on ${whereOf(document.ip)}`)
      sayIfWaits(document.ip)
      return shownJob(document)
    },

    list(filter = {}, options = {}) {
      const { limit } = optionsOf(options, { limit: LIMIT })
      const wanted = filterOf(filter, '{ip: "10.0.0.7"}')
      const jobs = collection('jobs')
      const cursor = jobs.find(wanted).sort({ _id: 1 })
      const found = attempt(() => cursor.limit(limit).toArray())
      const all = found.length < limit ? found.length : attempt(() => jobs.countDocuments(wanted))
      table(JOB_COLUMNS, found)
      sayCount(found.length, all, 'job')
      return result(found)
    },

    get(id) {
      const job = find(id)
      const fields = Object.entries(job).flatMap(([name, value]) =>
        name === 'state' ? Object.entries(value).map(([part, of]) => [`state.${part}`, of]) : [[name, value]],
      )
      const valueText = value => {
        if (value instanceof Date) return time(value)
        return typeof value === 'string' ? value : EJSON.stringify(value, { relaxed: true })
      }
      table(
        [
          ['FIELD', ([name]) => name, 16],
          ['VALUE', ([, value]) => valueText(value), 20],
        ],
        fields,
      )
      return result(job)
    },

    move(id, ip) {
      const to = nodeOf('ip', ip, 'null for one that the cluster chooses')
      const { ip: from, ...before } = edit(id, ipUpdate(to), 'before')
      say(`moved "${id}" from ${from ?? 'no node'} to ${whereOf(to)}`)
      sayIfWaits(to)
      return shownJob(to === null ? before : { ...before, ip: to })
    },

    moveAll(from, to) {
      const source = nodeOf('from', from, 'null for jobs without a node')
      const target = nodeOf('to', to, 'null for nodes that the cluster chooses')
      if (source === target) fail(`to: expected another node than ${show(from)}; found the same`)
      const jobs = collection('jobs')
      const { modifiedCount: moved } = attempt(() => jobs.updateMany({ ip: source }, ipUpdate(target)))
      say(`moved ${counted(moved, 'job')} from ${source ?? 'no node'} to ${target ?? 'nodes that the cluster chooses'}`)
      const nodes = registry()
      const rows = []
      for (const ip of [source, target].filter(ip => ip !== null)) {
        const count = jobs.countDocuments({ ip })
        rows.push({ ip, status: whyNobody(ip, nodes) ?? nodes.find(({ _id }) => _id === ip)?.status, jobs: count })
      }
      table(
        [
          ['NODE', row => row.ip, 24],
          ['STATUS', row => row.status],
          ['JOBS', row => row.jobs],
        ],
        rows,
      )
      return result({ moved, from: source, to: target })
    },

    pause(id, note) {
      if (note !== undefined && typeof note !== 'string')
        fail(`note: expected text, such as "ask Ann"; found ${show(note)}`)
      const job = edit(id, { $set: { next_run_time: null, ...(note && { note }) } })
      say(`paused "${id}"${job.note ? `: ${job.note}` : ''}`)
      return shownJob(job)
    },

    resume(id) {
      const paused = { _id: idOf(id), next_run_time: { $type: 'null' }, 'state.over': { $ne: true } }
      const update = { $unset: { next_run_time: '', note: '' } }
      const jobs = collection('jobs')
      const resumed = attempt(() => jobs.findOneAndUpdate(paused, update, { returnDocument: 'after' }))
      const job = resumed ?? find(id)
      if (resumed !== null) say(`resumed "${id}"`)
      else if (job.next_run_time === null) say(`"${id}" is over, its last run goes on: nothing was changed`)
      else say(`"${id}" is not paused: nothing was changed`)
      return shownJob(job)
    },

    run(id, options = {}) {
      const { restart } = optionsOf(options, { restart: false })
      const job = edit(id, restart ? { $currentDate: { next_run_time: true } } : ONCE_MORE)
      const ordered = restart ? job.next_run_time : job.run_at.at(-1)
      const then = restart ? '; its trigger goes on from there' : ''
      say(`"${id}" runs on ${whereOf(job.ip)}, ordered at ${time(ordered)}${then}`)
      if (job.state?.error) say(`it may not: ${job.state.error}`)
      sayIfWaits(job.ip)
      return shownJob(job)
    },

    reschedule(id, trigger, options = {}) {
      const { resume } = optionsOf(options, { resume: false })
      const isCrontab = typeof trigger === 'string' && !trigger.trim().startsWith('{')
      const wanted = isCrontab
        ? { type: 'cron', expression: trigger }
        : objectOf(
            'trigger',
            trigger,
            '{type: "interval", minutes: 5}, or crontab text such as "*/5 * * * *"',
            EJSON.parse,
          )
      const job = edit(id, { $set: { trigger: wanted }, ...(resume && { $unset: { next_run_time: '', note: '' } }) })
      const stays = job.next_run_time === null && !job.state?.over ? ', and stays paused' : ''
      say(`rescheduled "${id}": ${triggerText(job.trigger)}, from now on${stays}`)
      return shownJob(job)
    },

    next(which = {}, options = {}) {
      const { limit } = optionsOf(options, { limit: RUNS_LIMIT })
      const one = typeof which === 'string' ? find(which) : undefined
      const filter = one === undefined ? filterOf(which, '{ip: "10.0.0.7"}, or the id of a job') : { _id: one._id }
      const stages = [
        { $match: filter },
        { $project: { ip: 1, func: 1, now: '$$NOW', time: { $min: ['$next_run_time', { $min: '$run_at' }] } } },
        { $match: { time: { $type: 'date' } } },
        { $sort: { time: 1, _id: 1 } },
        { $limit: limit },
      ]
      const jobs = collection('jobs')
      const found = attempt(() => jobs.aggregate(stages).toArray())
      table(
        [
          ['NEXT RUN', job => time(job.time)],
          ['IN', job => (job.time > job.now ? span(job.time - job.now) : 'due')],
          ['ID', job => job._id, 24],
          ['IP', job => job.ip, 16],
          ['FUNC', job => job.func, 10, true],
        ],
        found,
      )
      if (one !== undefined && found.length === 0) say(`"${one._id}" has no next run: ${nextText(one)}`)
      else if (found.length === 0) say('no job has a next run')
      else if (one !== undefined) say(`later times follow from its trigger: tidewheel jobs next ${one._id}`)
      return result(found.map(({ now: _now, ...job }) => job))
    },

    history(which = {}, options = {}) {
      const { limit } = optionsOf(options, { limit: RUNS_LIMIT })
      const isId = typeof which === 'string'
      const filter = isId ? { job_id: idOf(which) } : filterOf(which, '{status: "error"}, or the id of a job')
      const rows = collection('executions')
      const cursor = rows.find(filter).sort(isId ? { run_time: -1 } : { recorded: -1 })
      const found = attempt(() => cursor.limit(limit).toArray())
      // An id that was mistyped is not one without runs.
      if (isId && found.length === 0) find(which)
      table(RUN_COLUMNS, found)
      say(
        found.length === limit ? `the latest ${counted(limit, 'run')}; limit shows more` : counted(found.length, 'run'),
      )
      return result(found)
    },

    log(which) {
      const id = textOf('id', which, 'the id of a run or of a job, text such as "digest"')
      const rows = collection('executions')
      let row = attempt(() => rows.findOne({ _id: id }))
      if (row === null) {
        const [latest = null] = attempt(() => rows.find({ job_id: id }).sort({ run_time: -1 }).limit(1).toArray())
        row = latest
      }
      if (row === null) fail(`there is no run "${id}", and no run of a job "${id}" is kept`)
      table(RUN_COLUMNS, [row])
      if (!asJson) {
        for (const line of String(row.log ?? '').split('\n')) if (line !== '') print(words.logLine(line))
        if (!row.log) print('it logged nothing')
        for (const line of String(row.traceback ?? '').split('\n')) if (line !== '') print(plain(line))
      }
      return result(row)
    },

    nodes() {
      const nodes = registry()
      table(
        [
          ['NODE', node => node._id, 24],
          ['STATUS', statusOf],
          ['WANTED', node => node.wanted, undefined, true],
          ['JOBS', node => node.jobs],
          ['RUNNING', node => node.running],
          ['SEEN', node => (node.silent === null ? undefined : `${span(node.silent)} ago`)],
          ['VERSION', node => node.version, undefined, true],
          ['HOST', node => String(node.host ?? '-').split(' ')[0], 8, true],
        ],
        nodes,
      )
      say(nodes.length === 0 ? 'no node has ever run here; tidewheel start runs one' : counted(nodes.length, 'node'))
      return result(nodes)
    },

    stranded(options = {}) {
      const { limit } = optionsOf(options, { limit: LIMIT })
      const nodes = registry()
      const living = nodes.filter(node => node.living).map(node => node._id)
      const filter = living.length === 0 ? {} : { ip: { $nin: living, $exists: true } }
      return troubled(filter, limit, ['WHY', job => whyNobody(job.ip, nodes), 20])
    },

    invalid(options = {}) {
      const { limit } = optionsOf(options, { limit: LIMIT })
      return troubled({ 'state.error': { $exists: true } }, limit, ['WHY', job => job.state.error, 20])
    },

    watch(id, options = {}) {
      const { limit } = optionsOf(options, { limit: undefined })
      const only = id === undefined || id === null ? undefined : idOf(id)
      const seen = []
      const names = Object.keys(TELLING)
      const waits = name => (name === names[0] ? 250 : 1)
      const streams = {}
      for (const name of names) streams[name] = follow(name, waits(name))
      // Not before the database was asked: until then a line holds the signal for itself, and forgets who else wants it.
      const interrupt = interruption()
      say(`watching ${only === undefined ? 'all jobs and nodes' : `"${only}"`}; Ctrl-C ends`)
      let count = 0
      while (!interrupt.came && (limit === undefined || count < limit)) {
        const changes = []
        for (const name of names) {
          for (let change = null, n = 0; n === 0 || (change !== null && n < LIMIT); n++) {
            change = attempt(() => streams[name].tryNext())
            if (change !== null) changes.push(change)
            if (change?.operationType !== 'invalidate') continue
            say(`the collection ${name} is gone; it is watched again as soon as it is back`)
            streams[name].close()
            streams[name] = follow(name, waits(name), change._id)
            break
          }
        }
        const order = changes.sort((a, b) => a.clusterTime.compare(b.clusterTime))
        for (const event of order.flatMap(words.eventsOf)) {
          if (count === limit || (only !== undefined && event.job_id !== only)) continue
          count++
          if (asJson) print(EJSON.stringify(event))
          else print(cut(plain(words.eventLine(event)), roomOf()))
          if (limit !== undefined) seen.push(event)
        }
      }
      for (const name of names) streams[name].close()
      interrupt.end()
      return result(asJson ? [] : seen)
    },

    /** For the files beside this one: they call a verb with their parameters. FORMAT=json has what it returns printed as
     *  extended JSON, a line a document, and all else go to standard error. */
    script(call) {
      const limit = given('LIMIT')
      const options = limit ? { limit: Number(limit) } : {}
      const answer = call({ given, options, database: database(), say, fail })
      if (asJson) for (const document of [answer].flat()) print(EJSON.stringify(document))
    },
  }

  globalThis.tw = result(tw, 'tw.help() says what there is')
  database()
})()
