// Run by the MongoDB image on the first start of an empty volume: the users besides the
// administrator, made from the URLs that they use. `stack/mongod.py` does the same without Docker.
const fs = require('fs');
const path = require('path');

const folder = '/docker-entrypoint-initdb.d';
const read = (name) => JSON.parse(fs.readFileSync(path.join(folder, `${name}-role.json`)));
const account = (url) => {
  const { username, password } = new URL(url);
  return { user: decodeURIComponent(username), pwd: decodeURIComponent(password) };
};

const createRole = ({ role, collections = [''], actions }) => {
  const privileges = collections.map((name) => ({ resource: { db: db.getName(), collection: name }, actions }));
  db.createRole({ role, privileges, roles: [] });
  return role;
};

db.createUser({ ...account(process.env.INGESTOR_MONGO_URL), roles: [createRole(read('ingestor'))] });
db.createUser({ ...account(process.env.VIEWER_MONGO_URL), roles: ['read'] });
db.createUser({ ...account(process.env.OPERATOR_MONGO_URL), roles: ['read', createRole(read('operator'))] });
