/** Places: the four views that are always at hand. */
export const PLACES = [
  { name: 'Overview', path: '/stats', key: 'g o' },
  { name: 'Jobs', path: '/jobs', key: 'g j' },
  { name: 'Nodes', path: '/nodes', key: 'g n' },
  { name: 'Timeline', path: '/timeline', key: 'g t' },
] as const

export const isAt = (path: string, place: string): boolean =>
  path === place || path.startsWith(`${place}/`) || (place === '/jobs' && path === '/')
