/** Version of the package; `package.json` says the same, a test sees to it. */
export const version = '0.9.0';
