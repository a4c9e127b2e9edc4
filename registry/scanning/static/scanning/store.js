// What this device keeps (IndexedDB): scans, until the registry has answered, and the register of codes of the person logged in.

const NAME = "sightpost-scan";
let opening;

function open() {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("scans", { keyPath: "event_id" }).createIndex("person", "person");
      request.result.createObjectStore("kept", { keyPath: "id" });
    };
    request.onsuccess = () => {
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
  });
  opening.catch(() => (opening = undefined));
  return opening;
}

/** Do `work(objectStore)` in one transaction; return its request's result once that is safely on the disk. */
async function within(name, mode, work) {
  const database = await open();
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(name, mode, { durability: "strict" });
    const request = work(transaction.objectStore(name));
    transaction.oncomplete = () => resolve(request?.result);
    transaction.onabort = () => reject(transaction.error);
  });
}

export const scans = {
  /** Those of the person, in the order in which they were made. */
  of: (person) => within("scans", "readonly", (store) => store.index("person").getAll(person)).then((found) => found.sort(byId)),
  /** How many wait that are not this person's. */
  ofOthers: async (person) => (await within("scans", "readonly", (store) => store.getAll())).filter((one) => one.waiting && one.person !== person).length,
  keep: (some) => within("scans", "readwrite", (store) => void some.forEach((one) => store.put(one))),
  forget: (ids) => within("scans", "readwrite", (store) => void ids.forEach((id) => store.delete(id))),
};

export const kept = {
  get: (id) => within("kept", "readonly", (store) => store.get(id)),
  all: () => within("kept", "readonly", (store) => store.getAll()),
  put: (one) => within("kept", "readwrite", (store) => store.put(one)),
  forget: (ids) => within("kept", "readwrite", (store) => void ids.forEach((id) => store.delete(id))),
  clear: () => within("kept", "readwrite", (store) => store.clear()),
};

const byId = (a, b) => (a.event_id < b.event_id ? -1 : 1);
