"use strict";

const place = document.getElementById("docs");
SwaggerUIBundle({ domNode: place, url: place.dataset.schema, presets: [SwaggerUIBundle.presets.apis], layout: "BaseLayout", deepLinking: true });
