module selfheal.local/runc-shim

go 1.24
