/** Declares the import of `client.wasm`, which the build replaces with the packed bytes. */
declare module "*/client.wasm" {
  const packed: import("./bytes.js").PackedBytes;
  export default packed;
}
