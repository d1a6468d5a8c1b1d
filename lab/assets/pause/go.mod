module selfheal.local/pause

go 1.24
