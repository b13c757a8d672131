/** What a bundler makes of the file: with Vite's `?url`, or an asset rule, the URL to give to `init` of `rejoin/slim`. */
declare const source: string;
export default source;
