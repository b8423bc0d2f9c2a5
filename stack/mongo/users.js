// Run by the MongoDB image on the first start of an empty volume: the users besides the
// administrator, made from the URLs that they use. `stack/mongod.py` does the same without Docker.
const fs = require('fs');
const path = require('path');

const folder = '/docker-entrypoint-initdb.d';
const { role, actions } = JSON.parse(fs.readFileSync(path.join(folder, 'ingestor-role.json')));
const account = (url) => {
  const { username, password } = new URL(url);
  return { user: decodeURIComponent(username), pwd: decodeURIComponent(password) };
};

db.createRole({ role, privileges: [{ resource: { db: db.getName(), collection: '' }, actions }], roles: [] });
db.createUser({ ...account(process.env.INGESTOR_MONGO_URL), roles: [role] });
db.createUser({ ...account(process.env.VIEWER_MONGO_URL), roles: ['read'] });
