// On the log-in page, and so after every log-out: the device forgets the page and the register of codes of who was logged in.
// Scans that were not sent yet stay, for their person only.
"use strict";
{
  const forget = async () => {
    await self.caches?.delete("sightpost-scan");
    const known = (await indexedDB.databases?.())?.some((one) => one.name === "sightpost-scan") ?? false;
    if (!known) return;
    const request = indexedDB.open("sightpost-scan");
    request.onsuccess = () => {
      const database = request.result;
      if (database.objectStoreNames.contains("kept")) database.transaction("kept", "readwrite").objectStore("kept").clear();
      database.close();
    };
  };
  forget().catch(() => {});
}
