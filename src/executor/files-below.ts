/** Files below a folder, for lists that people see: in order, bounded, and without what nobody means by "the files in there".
 *  In: a folder. Out: relative paths with `/`, folder by folder. Hidden files and folders and `node_modules` are left out, links to
 *  folders are not followed, a folder that may not be read is passed over. */
import type { Dirent } from 'node:fs'
import { readdir } from 'node:fs/promises'
import path from 'node:path'

/** No folder deeper than that is looked into. */
const DEEPEST = 16
/** So many names are looked at. */
const MOST_NAMES = 100_000

/** What is a file or a link, which may be one. */
export async function* filesBelow(root: string): AsyncGenerator<string> {
  let names = 0
  const folders: string[] = ['']
  for (let folder = folders.shift(); folder !== undefined && names < MOST_NAMES; folder = folders.shift()) {
    const below: string[] = []
    for (const entry of await entriesOf(path.join(root, folder))) {
      if (++names > MOST_NAMES) return
      if (entry.name.startsWith('.') || entry.name === 'node_modules') continue
      const relative = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (entry.isFile() || entry.isSymbolicLink()) yield relative
      else if (entry.isDirectory() && depthOf(relative) <= DEEPEST) below.push(relative)
    }
    folders.unshift(...below)
  }
}

const depthOf = (folder: string) => folder.split('/').length

async function entriesOf(folder: string): Promise<readonly Dirent[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1))
}
