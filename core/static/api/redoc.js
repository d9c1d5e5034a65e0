const place = document.getElementById("redoc");
Redoc.init(place.dataset.schema, { disableSearch: false, hideHostname: true }, place);
