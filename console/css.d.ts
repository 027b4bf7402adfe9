/** Style sheets that views import: the bundler takes them out. */
declare module '*.css';
