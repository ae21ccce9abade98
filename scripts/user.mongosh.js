/* Users of MongoDB for Tidewheel, with what each needs and nothing else. For create-node-user.js and
 * create-person-user.js, which load it: `tidewheelUser(role, collections)` makes the role, and the user NEW_USER with it.
 * Both belong to the database of the jobs, not to "admin", so that they can have no right anywhere else.
 */
globalThis.tidewheelUser = (role, collections) =>
  tw.script(({ given, database, say, fail }) => {
    const name =
      given('NEW_USER') || fail('NEW_USER: expected the name of the user to make, such as ann; found nothing')
    const present = database.getUser(name)
    const pwd = given('PASSWORD') || (present === null && process.stdin.isTTY ? passwordPrompt() : undefined)
    if (present === null && !pwd)
      fail('PASSWORD: expected the password of the user to make; found nothing, and no terminal to ask for it')
    const collectionRights = Object.entries(collections).map(([collection, actions]) => ({
      resource: { db: database.getName(), collection },
      actions,
    }))
    const privileges = [
      // Whether the collections have our validator.
      { resource: { db: database.getName(), collection: '' }, actions: ['listCollections'] },
      ...collectionRights,
    ]
    if (database.getRole(role) === null) database.createRole({ role, privileges, roles: [] })
    // What an earlier version gave it goes.
    else database.updateRole(role, { privileges, roles: [] })
    if (present === null) {
      database.createUser({ user: name, pwd, roles: [role] })
      say(`made the user "${name}" with the role "${role}"`)
    } else {
      database.grantRolesToUser(name, [role])
      say(`the user "${name}" was there: it has the role "${role}", and its password stays`)
    }
    say(`its connection string ends with /${database.getName()}, the database to which it belongs`)
    return { user: name, role, db: database.getName() }
  })
