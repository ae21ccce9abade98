load('scripts/tidewheel.mongosh.js')
tw.help()
tw.add({ _id: 'digest', func: 'mail:digest', trigger: { type: 'interval', minutes: 5 }, ip: '10.0.0.7' })
tw.list({ ip: '10.0.0.7' })
tw.move('digest', '10.0.0.8')
tw.moveAll('10.0.0.8', '10.0.0.7')
tw.pause('digest', 'the provider is down, ask Ann')
tw.resume('digest')
tw.run('digest') // once more, now
tw.reschedule('digest', '30 8 * * mon-fri') // crontab text, or a trigger
tw.next() // what runs next, the soonest first
tw.history('digest')
tw.stranded() // jobs that nobody runs
tw.watch() // what happens, a line an event, until Ctrl-C
