/**
 * The URL of the file, which a bundler provides (Vite with `?url`, others with an asset rule). Pass it to `init` of
 * `rejoin/slim`.
 */
declare const source: string;
export default source;
