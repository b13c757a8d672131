;; Unpacks bytes in place (`unpack` in bytes.ts). The tables with the meanings of characters begin at address 0 and have 128
;; entries each; the text is between `from` and `end`. The bytes overwrite the text, because there are never more of them.
;; Returns the address after the last byte. This is WebAssembly because JavaScript would run the loop in its interpreter when
;; a page loads, which took half the time of `init`.
(module
  (import "" "memory" (memory 1))
  (func (export "read") (param $from i32) (param $end i32) (param $escape i32) (result i32)
    (local $to i32) (local $page i32) (local $code i32)
    (local.set $to (local.get $from))
    (loop $next
      (local.set $code (i32.load8_u (local.get $from)))
      (if (i32.eq (local.get $code) (local.get $escape))
        (then (local.set $page (i32.add (local.get $page) (i32.const 128))))
        (else
          (i32.store8 (local.get $to) (i32.load8_u (i32.add (local.get $page) (local.get $code))))
          (local.set $to (i32.add (local.get $to) (i32.const 1)))
          (local.set $page (i32.const 0))))
      (br_if $next (i32.lt_u (local.tee $from (i32.add (local.get $from) (i32.const 1))) (local.get $end))))
    (local.get $to)))
