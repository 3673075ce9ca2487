// Keeps the page in the browser, so that it works without a network after the first visit. The export writes FILES (the
// address and the checksum of each file) and VERSION above. A new version is used from the next visit on: a page that is
// open has all its files.
const NAME = `${registration.scope} ${VERSION}`; // other pages of this host may have caches, too

const keep = async (cache, [url, integrity]) => {
  const response = await fetch(url, { integrity, cache: "no-cache" });
  if (!response.ok) throw new Error(`${response.status} ${url}`);
  await cache.put(url, response);
};

addEventListener("install", (event) => event.waitUntil((async () => {
  const cache = await caches.open(NAME);
  await Promise.all(Object.entries(FILES).map((file) => keep(cache, file)));
  await skipWaiting();
})()));

addEventListener("activate", (event) => event.waitUntil((async () => {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(`${registration.scope} `) && name !== NAME).map((name) => caches.delete(name)));
})()));

const findKept = async (request) => {
  const cache = await caches.open(NAME);
  const isPage = request.mode === "navigate" && new URL(request.url).pathname === new URL(registration.scope).pathname;
  return cache.match(isPage ? "index.html" : request, { ignoreSearch: true, ignoreVary: true });
};
addEventListener("fetch", (event) => event.respondWith(findKept(event.request).then((kept) => kept ?? fetch(event.request))));
