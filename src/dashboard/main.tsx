/** The dashboard: begins, follows what lives, and shows the view of the address.
 *  In: an address. Out: a page. Its data comes from `/api` alone; what it shows stands in the database. */
import { render } from 'preact'
import { later } from './clock.ts'
import { Page } from './page.tsx'
import { connect } from './store/live.ts'
import { learnMe } from './store/me.ts'
import { followNodes } from './store/nodes.ts'
import { followRecent } from './store/recent.ts'
import { followTrouble } from './store/trouble.ts'

/** What the view of the address asks for comes first. */
const VIEW_MS = 300

const place = document.getElementById('page')
if (place !== null) render(<Page />, place)

void learnMe().catch(() => undefined)
connect()
followNodes()
followRecent()
later(VIEW_MS, followTrouble)
