// Keeps the folder's files, so that the page works without a network. SITE is written in front of this by the export.
const CACHE = `tinysight ${self.registration.scope} ${SITE.version}`;

self.addEventListener("install", (event) => {
  const fetched = SITE.files.map((name) => new Request(name, { cache: "no-cache" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(fetched)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const ours = `tinysight ${self.registration.scope} `;
  const drop = (names) => names.filter((name) => name.startsWith(ours) && name !== CACHE).map((name) => caches.delete(name));
  event.waitUntil(caches.keys().then((names) => Promise.all(drop(names))).then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  if (event.request.method !== "GET") return;
  const kept = caches.open(CACHE).then((cache) => cache.match(event.request, { ignoreSearch: true }));
  event.respondWith(kept.then((answer) => answer ?? fetch(event.request)));
});
