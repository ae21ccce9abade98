/** Nowhere: an address that names no view. */
import { Link } from '../parts/controls.tsx'
import { PLACES } from '../store/places.ts'

export function NowhereView() {
  return (
    <main class="job-view">
      <section class="empty">
        <h1>There is nothing at this address.</h1>
        <p>
          {PLACES.map(({ name, path }, i) => (
            <span key={name}>
              {i > 0 && ' · '}
              <Link to={path}>{name}</Link>
            </span>
          ))}
        </p>
      </section>
    </main>
  )
}
