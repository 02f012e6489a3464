const LISTS = ['graphiql:queries', 'graphiql:favorites'];

function withoutHeaders(text) {
  return JSON.stringify(JSON.parse(text), (key, value) => (key === 'headers' ? undefined : value));
}

// The history would keep headers, and so tokens, whatever the settings say.

/** The browser's storage, which gets headers only if the visitor chose to keep them. */
export const storage = {
  get length() {
    return localStorage.length;
  },
  getItem: (name) => localStorage.getItem(name),
  setItem(name, value) {
    const asked = localStorage.getItem('graphiql:shouldPersistHeaders') === 'true';
    localStorage.setItem(name, LISTS.includes(name) && !asked ? withoutHeaders(value) : value);
  },
  removeItem: (name) => localStorage.removeItem(name),
  clear: () => localStorage.clear(),
};
