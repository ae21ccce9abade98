/** Tabs: the places on a narrow screen, at the thumb. */
import { address } from '../address.ts'
import { useCell } from '../cell.ts'
import { isAt, PLACES } from '../store/places.ts'
import { trouble } from '../store/trouble.ts'
import { Link } from './controls.tsx'
import { Mark } from './mark.tsx'

export function Tabs() {
  const { path } = useCell(address)
  const wrong = useCell(trouble)
  return (
    <nav class="tabs" aria-label="Places">
      {PLACES.map(({ name, path: to }) => (
        <Link key={name} to={to} current={isAt(path, to)}>
          {name}
          {name === 'Overview' && wrong !== undefined && wrong.length > 0 && (
            <Mark
              status={{ word: '', colour: 'warn', shape: 'diamond-exclamation' }}
              label={`${wrong.length} wrong now`}
            />
          )}
        </Link>
      ))}
    </nav>
  )
}
