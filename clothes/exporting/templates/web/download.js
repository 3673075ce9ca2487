// Files of the page and of its runtime. Whoever lacks one throws a NetworkError that names the address.
export const notLoaded = (url) => new DOMException(url, "NetworkError");

// A host may have been given another file since: ask it.
export const download = async (url, integrity = "") => {
  const response = await fetch(url, { integrity, cache: "no-cache" }).catch(() => null);
  if (!response?.ok) throw notLoaded(response ? `${url} (${response.status})` : url);
  return response;
};
