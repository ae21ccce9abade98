/** Passwords: hashed with a salt of their own, compared whole, and no cost is paid that a document makes up. */
import { describe, expect, test } from 'vitest'
import { decoyFor, hashPassword, inTurn, isPassword } from '../../src/user/password.ts'
import { passwordProblem } from '../../src/user/user.ts'

describe('a password', () => {
  test('fits what is stored of it, and no other one does', async () => {
    const stored = await hashPassword('correct horse')
    expect(stored).toMatch(/^\$scrypt\$ln=14,r=8,p=5\$[\w+/]{22}==\$[\w+/]{43}=$/)
    expect(await isPassword('correct horse', stored)).toBe(true)
    for (const other of ['correct horsf', 'correct hors', 'correct horse ', '']) {
      expect(await isPassword(other, stored)).toBe(false)
    }
  })

  test('is stored otherwise each time', async () => {
    expect(await hashPassword('correct horse')).not.toBe(await hashPassword('correct horse'))
  })

  test('is the same however a keyboard composed it', async () => {
    const stored = await hashPassword('pa\u0308ssword ﬁne')
    expect(await isPassword('p\u00e4ssword fine', stored)).toBe(true)
  })

  test.each([
    '',
    'correct horse',
    '$scrypt$ln=0,r=8,p=1$AAAA$AAAA',
    '$scrypt$ln=30,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=',
    '$scrypt$ln=4,r=8,p=1$AAAA$AAAA',
  ])('fits nothing where %j is stored', async stored => {
    expect(await isPassword('correct horse', stored)).toBe(false)
  })

  test.each([
    ['123456789', 'expected a password of 10 to 1,024 characters, found 9'],
    ['x'.repeat(1_025), 'expected a password of 10 to 1,024 characters, found 1,025'],
    [undefined, 'expected a password of 10 to 1,024 characters, found none'],
    [{ $ne: null }, 'expected a password of 10 to 1,024 characters, found no text'],
    // Ten characters that are five when composed.
    ['a\u0308'.repeat(5), 'expected a password of 10 to 1,024 characters, found 5'],
  ])('%j is refused without being shown', (password, problem) => {
    expect(passwordProblem(password)).toBe(problem)
  })

  test.each(['1234567890', 'x'.repeat(1_024), '😀'.repeat(10)])('%j is long enough', password => {
    expect(passwordProblem(password)).toBeUndefined()
  })
})

test('a decoy costs as much as the dearest of those that are stored, and fits nothing', async () => {
  const cheap = (ln: number) => `$scrypt$ln=${ln},r=8,p=1$${'A'.repeat(22)}==$${'A'.repeat(43)}=`
  expect(decoyFor([cheap(2), cheap(4), 'nonsense'])).toMatch(/^\$scrypt\$ln=4,r=8,p=1\$/)
  expect(decoyFor([])).toMatch(/^\$scrypt\$ln=14,r=8,p=5\$/)
  expect(await isPassword('', decoyFor([cheap(2)]))).toBe(false)
})

describe('turns', () => {
  test('come one after the other, and a failure holds up nobody', async () => {
    let going = 0
    let most = 0
    const work = (n: number) => async () => {
      most = Math.max(most, ++going)
      await new Promise(resolve => setImmediate(resolve))
      going--
      if (n === 1) throw new Error('one')
      return n
    }
    const ends = await Promise.allSettled([0, 1, 2].map(n => inTurn(work(n))))
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(most).toBe(1)
  })

  test('whoever comes after 64 others is asked to come again', async () => {
    let open = () => {}
    const gate = new Promise<void>(resolve => {
      open = resolve
    })
    const all = Array.from({ length: 64 }, () => inTurn(() => gate))
    await expect(inTurn(() => gate)).rejects.toMatchObject({ code: 'timeout' })
    open()
    await Promise.all(all)
    await inTurn(() => gate)
  })
})
